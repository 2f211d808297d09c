import { existsSync, realpathSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, extname, join } from 'node:path'
import type { SetupDeps } from '../actions/setup.ts'
import { VERSION } from '../adapters/version.ts'
import type { Home } from './home.ts'

const PROGRAMS = ['clan', 'setup', 'register', 'discover', 'setup-ssh', 'ping', 'status', 'peer'] as const

/** What `claw-setup` needs beside the store: facts of this computer and the writers of keys, launchers, settings. */
export async function setupParts({ paths, store, clock }: Home): Promise<SetupDeps> {
  const [
    { ensureClanKey },
    { writeLaunchers },
    { settingsPath },
    { ensureSettingsFile },
    { ownAddress, computerName },
  ] = await Promise.all([
    import('../adapters/ssh-keys.ts'),
    import('../adapters/gate.ts'),
    import('../adapters/settings-file.ts'),
    import('../store/settings-document.ts'),
    import('../adapters/network.ts'),
  ])
  const facts = {
    hostname: hostname(),
    computerName: await computerName(),
    user: userInfo().username,
    address: ownAddress(),
  }
  return {
    store,
    clock,
    facts,
    version: VERSION,
    ensureClanKey: gatewayId => ensureClanKey(paths, `claw-clan:${gatewayId}`),
    writeLaunchers: () => writeLaunchers({ paths, node: process.execPath, programs: ownPrograms() }),
    ensureConfig: async () =>
      settingsPath(paths, process.env) === undefined && ensureSettingsFile({ paths, clock }),
  }
}

/** Absolute paths of all programs, found beside the one that is running: sources or bundles alike. */
function ownPrograms(): Readonly<Record<string, string>> {
  const running = realpathSync(process.argv[1] ?? '')
  const paths = PROGRAMS.map(name => [name, join(dirname(running), `${name}${extname(running)}`)] as const)
  return Object.fromEntries(paths.filter(([, path]) => existsSync(path)))
}

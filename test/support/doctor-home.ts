import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemClock } from '../../src/adapters/clock.ts'
import { pinHostKey } from '../../src/adapters/known-hosts.ts'
import { withGrant } from '../../src/fleet/authorized-keys.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'
import { aPeer, id } from './builders.ts'
import { makeOwner, type Owner } from './installed.ts'
import type { ProgramRun } from './program.ts'
import { aKey, fingerprintOf } from './public-keys.ts'
import { freePort } from './sshd.ts'

/** One finding, as `claw-doctor --json` prints it. */
export type Told = {
  readonly id: string
  readonly severity: string
  readonly message: string
  readonly next: string | null
  readonly fixed?: string
  readonly wouldFix?: string
}

/** An installed and set-up home with one enrolled peer, which is away. It is announced nowhere. */
export type DoctorHome = AsyncDisposable & {
  readonly owner: Owner
  /** Path in the home. */
  readonly at: (...parts: readonly string[]) => string
  readonly authorizedKeys: string
  /** Run it, and read what it found beside what is fine. */
  readonly doctor: (...flags: readonly string[]) => Promise<readonly Told[]>
  readonly run: (...flags: readonly string[]) => Promise<ProgramRun>
}

const HOST_KEY = aKey('host of studio')
const CLAN_KEY = aKey('clan of studio')

export async function openDoctorHome(dist: string): Promise<DoctorHome> {
  const owner = await makeOwner(dist)
  const { paths, home } = owner
  owner.install(dist)
  const setup = await owner.run([
    join(paths.bin, 'claw-setup'),
    '--yes',
    '--json',
    '--gateway-id',
    'mini',
    '--lead',
    '1',
  ])
  if (setup.code !== 0) throw new Error(`claw-setup failed: ${setup.stdout}`)
  // No such interface: nothing is sent, and no time goes by with listening.
  writeFileSync(paths.config, '{"mdns":{"interfaces":["none0"]}}\n', { mode: 0o600 })
  writeFileSync(join(home, '.openclaw', 'openclaw.json'), '{}\n', { mode: 0o600 })
  const authorizedKeys = owner.env.CLAW_CLAN_AUTHORIZED_KEYS ?? ''
  await enrolStudio(owner, authorizedKeys)
  const run: DoctorHome['run'] = (...flags) => owner.run([join(paths.bin, 'claw-doctor'), ...flags])
  return {
    owner,
    at: (...parts) => join(paths.home, ...parts),
    authorizedKeys,
    run,
    doctor: async (...flags) => {
      const { code, stdout, stderr } = await run('--json', ...flags)
      if (code !== 0) throw new Error(`claw-doctor ended with ${code}: ${stdout}${stderr}`)
      const { findings } = JSON.parse(stdout) as { readonly findings: readonly Told[] }
      return findings.filter(({ severity }) => severity !== 'ok')
    },
    [Symbol.asyncDispose]: () => owner[Symbol.asyncDispose](),
  }
}

async function enrolStudio({ paths }: Owner, authorizedKeys: string): Promise<void> {
  const sshPort = await freePort()
  const studio = aPeer({
    ...{ ip: '127.0.0.1', sshPort, leadNumber: 2, version: '2.0.0' },
    ...{ hostKey: fingerprintOf(HOST_KEY), clanKey: fingerprintOf(CLAN_KEY) },
  })
  await using store = openJsonFleet({ paths, clock: systemClock })
  await store.changePeers(() => [studio])
  const blob = Buffer.from(HOST_KEY.base64, 'base64')
  pinHostKey(
    paths.knownHosts,
    { gatewayId: 'studio', host: '127.0.0.1', port: sshPort },
    { type: HOST_KEY.type, blob },
  )
  const grant = { gatewayId: id('studio'), gate: join(paths.bin, 'claw-peer'), key: CLAN_KEY }
  mkdirSync(dirname(authorizedKeys), { recursive: true, mode: 0o700 })
  writeFileSync(authorizedKeys, withGrant('ssh-rsa AAAA mark@home\n', grant), { mode: 0o600 })
}

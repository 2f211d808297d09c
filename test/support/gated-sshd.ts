import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeLaunchers } from '../../src/adapters/gate.ts'
import { type HomePaths, homePaths } from '../../src/adapters/home-paths.ts'
import { publicPart } from '../../src/fleet/identity.ts'
import { shellQuote } from '../../src/fleet/remote.ts'
import { anIdentity, id } from './builders.ts'
import { type Sshd, type SshdOptions, startSshd } from './sshd.ts'

/** A machine of the clan: a home with gate and identity behind a real sshd that lets its client key do nothing else. */
export type GatedSshd = Disposable & { readonly paths: HomePaths; readonly sshd: Sshd }

export type GatedOptions = SshdOptions & {
  readonly gatewayId?: string
  /** Shell text that runs before the gate, as start files of a login shell would. */
  readonly noise?: string
  /** Program behind the gate. */
  readonly script?: string
}

/** The serving program as tests use it: no store, everything else real. */
export const PEER_PROGRAM = join(import.meta.dirname, 'peer-program.ts')

/** Start one machine. */
export async function startGatedSshd(options: GatedOptions = {}): Promise<GatedSshd> {
  const { gatewayId = 'studio', noise = '', script = PEER_PROGRAM } = options
  const folder = mkdtempSync(join(tmpdir(), 'claw-gated-'))
  const paths = homePaths(join(folder, "it's home"))
  mkdirSync(paths.home)
  const identity = anIdentity({ gatewayId: id(gatewayId), name: gatewayId })
  writeFileSync(paths.identity, JSON.stringify(publicPart(identity)))
  writeLaunchers({ paths, node: process.execPath, programs: { peer: script } })
  const command = `${noise}exec ${shellQuote(join(paths.bin, 'claw-peer'))}`.replaceAll('"', '\\"')
  const sshd = await startSshd({ ...options, keyOptions: `restrict,command="${command}"` })
  return {
    paths,
    sshd,
    [Symbol.dispose]: () => {
      sshd[Symbol.dispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

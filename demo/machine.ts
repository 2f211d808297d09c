import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Announcer, makeAnnouncer } from './announcer.ts'
import { forcedCommand } from './authorized-keys.ts'
import { type KeyPair, makeKeyPair } from './key-pair.ts'
import type { Job, Programs } from './programs.ts'
import { makeSshServer, type SshServer } from './ssh-server.ts'

/** Who a machine is. */
export type Part = { readonly id: string; readonly name: string; readonly lead: number }

/** What all machines of one demo share. */
export type Place = {
  /** The only folder anything is written to. */
  readonly folder: string
  readonly programs: Programs
  /** Opens every machine, as the owner's own key does. */
  readonly operatorKey: KeyPair
  /** Name of the loopback interface. */
  readonly loopback: string
  /** The owner's environment: search path and terminal, nothing else. */
  readonly env: NodeJS.ProcessEnv
}

/** One machine of the fleet: a folder, an SSH server, an announcement. */
export type Machine = Part & {
  readonly home: string
  /** Fingerprint of its host key. */
  readonly hostKey: string
  readonly ssh: SshServer
  readonly announcer: Announcer
  readonly programs: Programs
  /** What starts `claw-<program>` here. */
  readonly job: (program: string, args: readonly string[]) => Job
}

/** The login name on every machine; nobody's real one is used. */
export const USER = 'demo'

/** Make a machine: its folder, host key and settings. Its SSH server is up; nothing else runs. */
export async function makeMachine(part: Part, place: Place): Promise<Machine> {
  const { programs, operatorKey } = place
  const folder = join(place.folder, part.id)
  const home = join(folder, '.openclaw', 'claw-clan')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const settings = { mdns: { interfaces: [place.loopback] }, scheduler: 'none' }
  writeFileSync(join(home, 'config.json'), JSON.stringify(settings, undefined, 2), { mode: 0o600 })
  const authorizedKeys = join(folder, '.ssh', 'authorized_keys')
  const login = { ...place.env, HOME: folder, USER, LOGNAME: USER, CLAW_CLAN_AUTHORIZED_KEYS: authorizedKeys }
  const key = await makeKeyPair(programs, join(folder, 'ssh_host_ed25519_key'), login)
  const commandFor = (blob: Buffer, asked: string) =>
    blob.equals(operatorKey.publicBlob) ? asked : forcedCommand(authorizedKeys, blob)
  const hostKey = key.privateKey
  const ssh = makeSshServer({ user: USER, hostKey, commandFor, env: login, cwd: folder, programs })
  await ssh.start()
  const job = (program: string, args: readonly string[]) => ({
    ...{ file: join(home, 'bin', `claw-${program}`), args, cwd: folder },
    env: { ...login, CLAW_CLAN_HOME: home },
  })
  const announcer = makeAnnouncer(part.id, programs, () => job('register', ['run']))
  return { ...part, home, hostKey: key.fingerprint, ssh, announcer, programs, job }
}

/** Take it off the network: its SSH server is gone, its announcer says goodbye. */
export async function goDown({ ssh, announcer }: Machine): Promise<void> {
  await Promise.all([ssh.stop(), announcer.stop()])
}

export async function comeBack({ ssh, announcer }: Machine): Promise<void> {
  await Promise.all([ssh.start(), announcer.start()])
}

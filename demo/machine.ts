import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from '../src/fleet/parse.ts'
import { forcedCommand } from './authorized-keys.ts'
import type { KeyPair } from './key-pair.ts'
import { makeKeyPair } from './key-pair.ts'
import { DemoProblem } from './problem.ts'
import type { Job, Programs, Running } from './programs.ts'
import { command } from './screen.ts'
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
  readonly ssh: SshServer
  readonly hostKey: string
  /** What starts one of its programs: `claw-` and this name. */
  readonly job: (program: string, args: readonly string[]) => Job
  /** Show a command and what it prints. @returns its exit code */
  readonly show: (program: string, ...args: string[]) => Promise<number>
  /** Run a program unseen with `--json`. */
  readonly ask: <T extends z.core.$ZodType>(
    shape: T,
    program: string,
    ...args: string[]
  ) => Promise<z.core.output<T>>
  readonly announce: () => void
  /** What its announcer printed; empty when it does not run. */
  readonly announced: () => string
  /** Take it off the network: it says goodbye, and its SSH server is gone. */
  readonly goDown: () => Promise<void>
  readonly comeBack: () => Promise<void>
}

/** The login name on every machine; nobody's real one is used. */
export const USER = 'demo'

/** Make a machine: its folder, host key and settings; its SSH server is up, nothing else runs. */
export async function makeMachine(part: Part, place: Place): Promise<Machine> {
  const { programs, operatorKey } = place
  const folder = join(place.folder, part.id)
  const home = join(folder, '.openclaw', 'claw-clan')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const settings = { mdns: { interfaces: [place.loopback] }, scheduler: 'none' }
  writeFileSync(join(home, 'config.json'), JSON.stringify(settings, undefined, 2), { mode: 0o600 })
  const authorizedKeys = join(folder, '.ssh', 'authorized_keys')
  const login = { ...place.env, HOME: folder, USER, LOGNAME: USER, CLAW_CLAN_AUTHORIZED_KEYS: authorizedKeys }
  const hostKey = await makeKeyPair(programs, join(folder, 'ssh_host_ed25519_key'), login)
  const commandFor = (blob: Buffer, asked: string) =>
    blob.equals(operatorKey.publicBlob) ? asked : forcedCommand(authorizedKeys, blob)
  const ssh = makeSshServer({
    user: USER,
    hostKey: hostKey.privateKey,
    commandFor,
    env: login,
    cwd: folder,
    programs,
  })
  await ssh.start()
  const env = { ...login, CLAW_CLAN_HOME: home }
  const job = (program: string, args: readonly string[]) => ({
    file: join(home, 'bin', `claw-${program}`),
    args,
    env,
    cwd: folder,
  })
  return { ...part, home, ssh, hostKey: hostKey.fingerprint, ...acts(part.id, { ssh, programs, job }), job }
}

type Parts = Pick<Machine, 'ssh' | 'job'> & { readonly programs: Programs }

function acts(
  id: string,
  { ssh, job, programs }: Parts,
): Omit<Machine, keyof Part | keyof Parts | 'home' | 'hostKey'> {
  let announcer: Running | undefined
  const announce = () => {
    announcer = programs.keep(job('register', ['run']))
  }
  const ask = async <T extends z.core.$ZodType>(shape: T, program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await programs.capture(job(program, [...args, '--json']))
    const read = z.safeParse(shape, parsed(stdout))
    if (read.success) return read.data
    const called = `claw-${[program, ...args].join(' ')}`
    throw new DemoProblem(
      `${called} on ${id} did not answer as it should (exit code ${code})`,
      stdout + stderr,
    )
  }
  return {
    announce,
    announced: () => announcer?.printed() ?? '',
    ask,
    show: async (program, ...args) => {
      await command(id, [`claw-${program}`, ...args])
      return programs.show(job(program, args))
    },
    goDown: async () => {
      await Promise.all([ssh.stop(), announcer?.stop()])
    },
    comeBack: async () => {
      await ssh.start()
      announce()
    },
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

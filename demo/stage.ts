import { accessSync, constants, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isBuilt } from './build.ts'
import { makeKeyPair } from './key-pair.ts'
import { checkMulticast, loopbackName } from './loopback.ts'
import { goDown, type Machine, makeMachine } from './machine.ts'
import { Programs } from './programs.ts'

/** The three machines, ready to be set up, and everything that must be gone afterwards. */
export type Stage = AsyncDisposable & {
  readonly studio: Machine
  readonly mini: Machine
  readonly laptop: Machine
  readonly machines: readonly Machine[]
  readonly folder: string
  readonly signal: AbortSignal
  readonly programs: Programs
}

const CAST = {
  studio: { id: 'studio', name: 'Studio', lead: 1 },
  mini: { id: 'mini', name: 'Mac mini', lead: 2 },
  laptop: { id: 'laptop', name: 'Laptop', lead: 3 },
} as const

/**
 * Make the folder, the owner's key and the machines; nothing of it stays when this fails or when it is closed.
 *
 * @throws {DemoProblem} when this computer cannot run the demo
 */
export async function openStage(signal: AbortSignal): Promise<Stage> {
  const loopback = loopbackName()
  await checkMulticast(loopback)
  signal.throwIfAborted()
  const programs = new Programs(signal)
  const folder = makeFolder()
  // Even an exit nobody planned leaves nothing behind.
  const leave = () => {
    programs.killAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', leave)
  const opened: Machine[] = []
  const close = async () => {
    await Promise.all(opened.map(goDown))
    await programs[Symbol.asyncDispose]()
    leave()
    process.off('exit', leave)
  }
  try {
    const env = environment(folder)
    const operatorKey = await makeKeyPair(programs, join(folder, 'owner_key'), env)
    const place = { folder, programs, operatorKey, loopback, env }
    const make = async (part: (typeof CAST)[keyof typeof CAST]) => {
      const machine = await makeMachine(part, place)
      opened.push(machine)
      return machine
    }
    const [studio, mini, laptop] = await Promise.all([make(CAST.studio), make(CAST.mini), make(CAST.laptop)])
    const machines = [studio, mini, laptop]
    return { studio, mini, laptop, machines, folder, signal, programs, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A name longer than this makes paths wrap on the screen, as those of macOS's own temporary folder do. */
const SHORT = 24

function makeFolder(): string {
  const parent = tmpdir().length > SHORT && isWritable('/tmp') ? '/tmp' : tmpdir()
  return mkdtempSync(join(realpathSync(parent), 'claw-demo-'))
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What the programs may know of this process's environment: where programs are, and how the terminal looks. */
function environment(folder: string): NodeJS.ProcessEnv {
  const { PATH = '/usr/bin:/bin:/usr/sbin:/sbin', TERM, NO_COLOR } = process.env
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary, { mode: 0o700 })
  return {
    PATH,
    TMPDIR: temporary,
    ...(TERM === undefined ? {} : { TERM }),
    // Bundles keep a compile cache of their own; sources start three times as fast with one.
    ...(isBuilt() ? {} : { NODE_COMPILE_CACHE: join(folder, 'cache') }),
    ...(NO_COLOR === undefined ? {} : { NO_COLOR }),
  }
}

import { ClawError } from '../fleet/error.ts'
import { acquireLock, lockHolder } from '../store/lock.ts'
import type { Skipped } from './command-shape.ts'
import type { Home } from './home.ts'
import type { Options } from './option.ts'
import type { Terminal } from './terminal.ts'

/** The flag every program with this rule takes. */
export const NO_WAIT = {
  'no-wait': { type: 'boolean', help: 'When another run is under way, exit 75 at once' },
} as const satisfies Options

export type OneRun<R> = {
  readonly home: Pick<Home, 'paths' | 'store' | 'clock'>
  /** What may run only once at a time, and the name its run is remembered by. */
  readonly program: string
  /** Another name to remember a run of a part by: it must not pass for a run of the whole, nor be shown for one. */
  readonly rememberedAs?: string
  readonly terminal: Pick<Terminal, 'isTty' | 'progress'>
  readonly noWait: boolean
  readonly run: () => Promise<R>
}

/** The longest any of our programs may run before a second one gives up waiting for it. */
const PATIENCE_MS = 10 * 60_000

/**
 * Run a program unless it is already running in this home. On a terminal the second run waits and shows the first
 * one's result; without one it is skipped with one line; with `--no-wait` it is refused.
 *
 * The lock is the kernel's: it is free again the moment its holder dies.
 *
 * @throws {ClawError} `busy` with `--no-wait`
 */
export async function oneRun<R>(wanted: OneRun<R>): Promise<R | Skipped> {
  const { home, program, rememberedAs = program, terminal, noWait, run } = wanted
  const request = lockRequest(home, program)
  const { startedAt } = request.holder
  let lock = await acquireLock({ ...request, waitMs: 0 })
  if (lock === undefined) {
    if (noWait || !terminal.isTty) return refuseOrSkip(home, request, noWait)
    const message = describeHolder(home, request)
    terminal.progress(`waiting for the result of the ${program} that is running`)
    lock = await acquireLock({ ...request, waitMs: PATIENCE_MS })
    terminal.progress('')
    if (lock === undefined)
      throw new ClawError('busy', `${message} and does not end`, { hint: 'Look at that process' })
    const finished = rememberedAs === program ? await home.store.lastRun(program) : undefined
    if (finished !== undefined && finished.finishedAt >= startedAt) {
      lock[Symbol.dispose]()
      return finished.result as R
    }
  }
  using _held = lock
  const result = await run()
  await home.store.recordRun({
    program: rememberedAs,
    startedAt,
    finishedAt: home.clock.now().toISOString(),
    result,
  })
  return result
}

const lockRequest = ({ paths, clock }: OneRun<unknown>['home'], program: string) => ({
  directory: paths.locks,
  name: program,
  holder: { program, pid: process.pid, startedAt: clock.now().toISOString() },
  clock,
})

type LockRequest = ReturnType<typeof lockRequest>

function refuseOrSkip(home: OneRun<unknown>['home'], request: LockRequest, noWait: boolean): Skipped {
  const message = describeHolder(home, request)
  if (noWait)
    throw new ClawError('busy', message, { hint: 'Leave out --no-wait to wait for it or to skip this run' })
  const since = lockHolder(home.paths.locks, request.name)?.startedAt ?? request.holder.startedAt
  return { skipped: { program: request.name, since, message: `${message}: nothing done` } }
}

function describeHolder({ paths }: OneRun<unknown>['home'], { name }: LockRequest): string {
  const holder = lockHolder(paths.locks, name)
  return `Another ${name} is running${holder === undefined ? '' : ` since ${holder.startedAt} (process ${holder.pid})`}`
}

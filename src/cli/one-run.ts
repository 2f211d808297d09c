import { ClawError } from '../fleet/error.ts'
import { acquireLock, lockHolder } from '../store/lock.ts'
import type { Options, Skipped } from './command.ts'
import type { Home } from './home.ts'
import type { Terminal } from './terminal.ts'

/** The flag every program with this rule takes. */
export const NO_WAIT = {
  'no-wait': { type: 'boolean', help: 'When another run is under way, exit 75 at once' },
} as const satisfies Options

export type OneRun<R> = {
  readonly home: Pick<Home, 'paths' | 'store' | 'clock'>
  readonly program: string
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
export async function oneRun<R>({ home, program, terminal, noWait, run }: OneRun<R>): Promise<R | Skipped> {
  const { paths, clock, store } = home
  const startedAt = clock.now().toISOString()
  const request = { directory: paths.locks, name: program, holder: { program, pid: process.pid, startedAt } }
  let lock = await acquireLock({ ...request, waitMs: 0 })
  if (lock === undefined) {
    const holder = lockHolder(paths.locks, program)
    const since = holder?.startedAt ?? startedAt
    const message = `Another ${program} is running since ${since}${holder === undefined ? '' : ` (process ${holder.pid})`}`
    if (noWait) throw new ClawError('busy', message, { hint: 'Leave out --no-wait to wait for it' })
    if (!terminal.isTty) return { skipped: { program, since, message: `${message}: nothing done` } }
    terminal.progress(`${message}: waiting for its result`)
    lock = await acquireLock({ ...request, waitMs: PATIENCE_MS })
    terminal.progress('')
    if (lock === undefined)
      throw new ClawError('busy', `${message} and does not end`, { hint: `See process ${holder?.pid ?? ''}` })
    const finished = await store.lastRun(program)
    if (finished !== undefined && finished.finishedAt >= startedAt) {
      lock[Symbol.dispose]()
      return finished.result as R
    }
  }
  using _held = lock
  const result = await run()
  await store.recordRun({ program, startedAt, finishedAt: clock.now().toISOString(), result })
  return result
}

import { ClawError } from '../fleet/error.ts'
import type { Run } from './command-shape.ts'
import { openHome, type ReadyHome } from './home.ts'
import type { Options } from './option.ts'

/** Work in a home that is set up, and close it. */
export async function withHome<R>(
  { home: given, terminal }: Pick<Run<Options>, 'home' | 'terminal'>,
  work: (home: ReadyHome) => Promise<R>,
): Promise<R> {
  await using home = await openHome({ home: given, terminal })
  return await work(home)
}

/** A change of whom machines trust takes seconds per machine; a fleet of 50 is done in a few minutes. */
const TRUST_WAIT_MS = 5 * 60_000

/**
 * Work while no other run of this home changes whom machines trust: what one run puts off, another may be doing.
 *
 * @throws {ClawError} `busy` naming the other run
 */
export async function changingTrust<R>(
  home: ReadyHome,
  terminal: Pick<Run<Options>['terminal'], 'progress'>,
  work: () => Promise<R>,
): Promise<R> {
  using lock = (await trustLock(home, 0)) ?? (await waitForTrust(home, terminal))
  if (lock !== undefined) return await work()
  const { lockHolder } = await import('../store/lock.ts')
  const holder = lockHolder(home.paths.locks, TRUST)
  const by = holder === undefined ? 'another run' : `process ${holder.pid}, since ${holder.startedAt}`
  throw new ClawError('busy', `Cannot change whom machines trust: ${by} is doing so`, {
    hint: 'Try again when it has ended',
  })
}

const TRUST = 'trust'

async function waitForTrust(home: ReadyHome, terminal: Pick<Run<Options>['terminal'], 'progress'>) {
  terminal.progress('waiting for another claw-setup-ssh of this home')
  const lock = await trustLock(home, TRUST_WAIT_MS)
  terminal.progress('')
  return lock
}

/** The lock of `changingTrust`, for who can do without. @returns undefined when it is not free after `waitMs` */
export async function trustLock(
  { paths, clock }: ReadyHome,
  waitMs: number,
): Promise<Disposable | undefined> {
  const { acquireLock } = await import('../store/lock.ts')
  const holder = { program: 'claw-setup-ssh', pid: process.pid, startedAt: clock.now().toISOString() }
  return acquireLock({ directory: paths.locks, name: TRUST, waitMs, holder, clock })
}

import type { Clock } from '../../src/adapters/clock.ts'

/** A clock that stands still until the test moves it. */
export type TestClock = Clock & {
  /** Let this much time pass: sleepers wake in order, each with all that follows from it done before the next. */
  readonly advance: (ms: number) => Promise<void>
}

type Sleeper = { readonly at: number; readonly wake: () => void }

/** @param start  wall time at the beginning; the monotonic clock begins at 0 */
export function testClock(start = new Date('2026-11-20T12:00:00Z')): TestClock {
  let elapsed = 0
  const sleepers = new Set<Sleeper>()
  // Every promise that is ready gets its turn; chains of ours are shorter than this.
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  }
  return {
    now: () => new Date(start.getTime() + elapsed),
    monotonicMs: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) reject(signal.reason)
        const sleeper = { at: elapsed + ms, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        })
      }),
    advance: async ms => {
      const end = elapsed + ms
      await settle()
      for (;;) {
        const next = [...sleepers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        elapsed = Math.max(elapsed, next.at)
        sleepers.delete(next)
        next.wake()
        await settle()
      }
      elapsed = end
    },
  }
}

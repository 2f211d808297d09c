import { setTimeout as sleepFor } from 'node:timers/promises'

/** Time as actions see it; tests pass their own. */
export type Clock = {
  readonly now: () => Date
  /** Milliseconds that never jump, for measuring durations inside one process. */
  readonly monotonicMs: () => number
  /** Resolves after `ms`, or rejects at once when `signal` aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepFor(ms, undefined, signal === undefined ? {} : { signal }),
}

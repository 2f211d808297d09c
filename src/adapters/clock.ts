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
  // `performance` would load a dozen of Node's modules first.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (ms, signal) => sleepFor(ms, undefined, signal === undefined ? {} : { signal }),
}

/**
 * A whole number of milliseconds from `min` to `max`, to keep machines from acting in step. Anybody may guess it: it
 * is drawn without the system's random source, whose module costs a resident program 3 MB.
 */
export const spreadMs = (min: number, max: number): number =>
  min + Math.floor(Math.random() * (max - min + 1))

import { randomBytes, randomInt } from 'node:crypto'

/** 32 hex digits from the system's random source: a challenge nobody can have recorded. */
export const newNonce = (): string => randomBytes(16).toString('hex')

/** A whole number of milliseconds from `min` to `max`, to keep machines from acting in step. */
export const jitterMs = (min: number, max: number): number => randomInt(min, max + 1)

import type { Presence } from '../adapters/presence.ts'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import type { Skipped } from './command-shape.ts'

/** The name it is known by, in messages and in the folder of locks. */
export const PROGRAM = 'claw-register'

/** All that `claw-register run` found out before it became resident. */
export type Order = {
  readonly stateFile: string
  readonly locks: string
  /** What its standard error is when a service manager keeps it; never longer than a log may be. */
  readonly log: string
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly noWait: boolean
  readonly json: boolean
  readonly quiet: boolean
}

/**
 * What a second run comes to.
 *
 * @throws {ClawError} `busy` when it was told not to wait
 */
export function skipped({ pid, since }: Presence, noWait: boolean): Skipped {
  const who = since === '' ? '' : ` since ${printable(since)} (process ${pid})`
  const message = `Another ${PROGRAM} is running${who}`
  if (noWait) throw new ClawError('busy', message, { hint: 'Leave out --no-wait to skip this run' })
  return { skipped: { program: PROGRAM, since, message: `${message}: nothing done` } }
}

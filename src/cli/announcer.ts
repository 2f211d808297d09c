import { readFileSync, writeSync } from 'node:fs'
import type { RegisterResult, registerMachine } from '../actions/register.ts'
import { systemClock } from '../adapters/clock.ts'
import { fileStamp } from '../adapters/file-stamp.ts'
import { announce } from '../adapters/mdns-announce.ts'
import { keepLogShort } from '../adapters/own-log.ts'
import { askPresence, claimPresence } from '../adapters/presence.ts'
import { parseIdentity } from '../fleet/identity.ts'
import { printable } from '../fleet/text.ts'
import { type Order, PROGRAM, skipped } from './announcer-order.ts'
import type { Skipped } from './command-shape.ts'

/** A first collection once the start is over, then one now and then: what the start needed is not kept for months. */
const TIDY_AFTER_MS = 2_500
const TIDY_EVERY_MS = 600_000

export type Register = typeof registerMachine

/**
 * Announce this machine until SIGTERM or SIGINT, unless another process of this home does. Loads only what that needs:
 * it stays in memory.
 *
 * @throws {ClawError} `busy` when another one does and we were told not to wait
 */
export async function runAnnouncer(
  { stateFile, locks, log, interfaces, noWait }: Order,
  register: Register,
): Promise<RegisterResult | Skipped> {
  if (!(await isAlone(locks)))
    return skipped((await askPresence(locks, PROGRAM)) ?? { pid: 0, since: '' }, noWait)
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const self = async () => {
    const text = readFileSync(stateFile, 'utf8')
    return parseIdentity(JSON.parse(text), stateFile)
  }
  void tidy(stop.signal)
  return register({
    store: { self },
    selfStamp: async () => fileStamp(stateFile),
    announce,
    interfaces,
    clock: systemClock,
    signal: stop.signal,
    onNotice: line => {
      keepLogShort(2, log)
      warn(line)
    },
  })
}

/** Two that announce the same are no harm, so what cannot be made sure of is no reason to stay silent. */
async function isAlone(locks: string): Promise<boolean> {
  try {
    return await claimPresence(locks, PROGRAM, { pid: process.pid, since: systemClock.now().toISOString() })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    warn(`Cannot make sure that no other process announces this machine: ${reason}`)
    return true
  }
}

/** Node offers the collector only when started with `--expose-gc`. */
async function tidy(signal: AbortSignal): Promise<void> {
  const { gc } = globalThis
  for (let waitMs = TIDY_AFTER_MS; gc !== undefined && !signal.aborted; waitMs = TIDY_EVERY_MS) {
    await systemClock.sleep(waitMs, signal).catch(() => undefined)
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
}

/** Written to the descriptor itself: Node's stream would cost 1 MB, and its error would end us when nobody reads. */
export function warn(line: string): void {
  try {
    writeSync(2, `${PROGRAM} run: ${printable(line)}\n`)
  } catch {
    // Nobody listens any more, or not fast enough; announcing goes on.
  }
}

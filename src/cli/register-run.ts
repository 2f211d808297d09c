import type { RegisterResult } from '../actions/register.ts'
import { keepLogShort } from '../adapters/own-log.ts'
import { askPresence } from '../adapters/presence.ts'
import { continueAs } from '../adapters/successor.ts'
import type { Register } from './announcer.ts'
import { type Order, PROGRAM, skipped } from './announcer-order.ts'
import type { Skipped } from './command-shape.ts'
import type { ReadyHome } from './home.ts'

/**
 * Without the compiler, whose code the collector cannot give back, and with a collector that can be called: 2 MB less,
 * for a program that mostly waits.
 */
const LEAN = ['--jitless', '--expose-gc']

/**
 * Announce this machine, as the only process of this home that does. From a build it goes on as a program that has
 * nothing but announcing in memory: a third less than this one.
 *
 * @throws {ClawError} `busy` when another one does and we were told not to wait
 */
export async function runRegister(
  { paths, settings }: ReadyHome,
  { noWait, json, quiet }: Pick<Order, 'noWait' | 'json' | 'quiet'>,
  register: Register,
): Promise<RegisterResult | Skipped> {
  // A place that is taken is said at every start that a service manager makes.
  keepLogShort(2, paths.announcerLog)
  const other = await askPresence(paths.locks, PROGRAM)
  if (other !== undefined) return skipped(other, noWait)
  const order: Order = {
    stateFile: paths.state,
    locks: paths.locks,
    log: paths.announcerLog,
    interfaces: settings['mdns.interfaces'],
    noWait,
    json,
    quiet,
  }
  continueAs('announcer', LEAN, [JSON.stringify(order)])
  const { runAnnouncer } = await import('./announcer.ts')
  return runAnnouncer(order, register)
}

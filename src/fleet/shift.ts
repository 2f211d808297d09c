import { type GatewayId, idKey } from './parse.ts'

/** When in its interval a machine's schedule fires, so that a fleet does not knock at every sshd at once. */
export type ScheduleShift = { readonly minute: number; readonly second: number }

/**
 * A machine's own place in the ping interval, by a hash of its id: always the same, spread evenly over a fleet.
 *
 * An sshd refuses logins when more than 10 are unfinished (MaxStartups 10:30:100); of 49 machines that all log in at :00
 * it turned 14 away when measured.
 *
 * @see FNV-1a, 32 bits
 */
export function scheduleShift(id: GatewayId, intervalMinutes: number): ScheduleShift {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(idKey(id))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  // FNV's low bits follow the last character too closely for ids that end in a number.
  const mixed = (hash ^ (hash >>> 15)) >>> 0
  return { minute: Math.floor(mixed / 60) % intervalMinutes, second: mixed % 60 }
}

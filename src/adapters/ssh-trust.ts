import type { PinnedKey } from './known-hosts.ts'
import { hostKeyChanged, type Place } from './ssh-errors.ts'

/** Host key types, best first, with the signature algorithms each may sign with (RSA: RFC 8332, never SHA-1). */
const HOST_KEYS = [
  { type: 'ssh-ed25519', algorithms: ['ssh-ed25519'] },
  { type: 'ecdsa-sha2-nistp256', algorithms: ['ecdsa-sha2-nistp256'] },
  { type: 'ecdsa-sha2-nistp384', algorithms: ['ecdsa-sha2-nistp384'] },
  { type: 'ecdsa-sha2-nistp521', algorithms: ['ecdsa-sha2-nistp521'] },
  { type: 'ssh-rsa', algorithms: ['rsa-sha2-512', 'rsa-sha2-256'] },
] as const

export type HostKeyAlgorithm = (typeof HOST_KEYS)[number]['algorithms'][number]

/**
 * What to ask a server to prove itself with. Only the pinned types: a server that gained a key of another type
 * would else show that one and look like a changed host.
 *
 * @param types  key types that will do; every known one when absent
 * @returns empty when none of them is known here
 */
export function hostKeyAlgorithms(types?: readonly string[]): HostKeyAlgorithm[] {
  return HOST_KEYS.filter(({ type }) => types === undefined || types.includes(type)).flatMap(
    ({ algorithms }) => [...algorithms],
  )
}

/** Answers at once, yes or no. The library takes a promise for a yes, so the type must not allow one. */
export type HostKeyCheck = (blob: Buffer) => boolean

/** True for a pinned key only; a stranger's is told to `refuse` first, with both fingerprints. */
export function pinCheck(
  place: Place,
  pins: readonly PinnedKey[],
  refuse: (error: Error) => void,
): HostKeyCheck {
  return blob => {
    const isPinned = pins.some(pin => pin.blob.equals(blob))
    if (!isPinned) refuse(hostKeyChanged(place, pins, blob))
    return isPinned
  }
}

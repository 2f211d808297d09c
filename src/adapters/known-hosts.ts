import { createHash } from 'node:crypto'
import { ClawError } from '../fleet/error.ts'

/** One host key we trust: algorithm name and the public key blob of RFC 4253 section 6.6. */
export type PinnedKey = { readonly type: string; readonly blob: Buffer }

/** Where a pinned key was seen; `gatewayId` is what it is found by again. */
export type PinnedHost = { readonly gatewayId: string; readonly host: string; readonly port: number }

/** Fingerprint of a public key blob as OpenSSH prints it: `SHA256:` and 43 characters of base64. */
export const fingerprint = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`

/**
 * A host key from its blob, which begins with its own type (RFC 4253 section 6.6).
 *
 * @throws {ClawError} `bad-input` for what is no key blob
 */
export function pinnedKey(blob: Buffer): PinnedKey {
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0
  const type = blob.toString('latin1', 4, 4 + length)
  if (blob.length <= 4 + length || !/^[a-z0-9@.-]{1,64}$/.test(type)) {
    throw new ClawError('bad-input', 'Cannot use a host key: its blob does not begin with its type')
  }
  return { type, blob }
}

export function readPins(_file: string): ReadonlyMap<string, readonly PinnedKey[]> {
  throw new Error('not written yet')
}

export function pinHostKey(_file: string, _host: PinnedHost, _key: PinnedKey): void {
  throw new Error('not written yet')
}

/** @returns false when nothing was pinned */
export function unpinHost(_file: string, _gatewayId: string): boolean {
  throw new Error('not written yet')
}

export async function userKnownHostKeys(_host: string, _port: number): Promise<readonly PinnedKey[]> {
  throw new Error('not written yet')
}

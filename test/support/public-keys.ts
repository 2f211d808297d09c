import { createHash } from 'node:crypto'
import type { PublicKey } from '../../src/fleet/public-key.ts'

/** A well-formed public key that nobody has the private half of; the same seed gives the same key. */
export function aKey(seed: string, type = 'ssh-ed25519'): PublicKey {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  const blob = [field(Buffer.from(type)), field(createHash('sha256').update(seed).digest())]
  return { type, base64: Buffer.concat(blob).toString('base64') }
}

/** Fingerprint as OpenSSH prints it. */
export const fingerprintOf = ({ base64 }: PublicKey): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64').replace(/=+$/, '')}`

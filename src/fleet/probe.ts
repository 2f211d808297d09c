import type { PublicIdentity } from './identity.ts'
import type { GatewayId } from './parse.ts'
import { parsePublicIdentity } from './identity.ts'

/** Version of the line a peer's gate answers with; raised only for changes an older reader would misread. */
export const PROTOCOL_VERSION = 1

/** Why a probe was not answered rightly. */
export type MissReason =
  | 'host-unreachable'
  | 'ssh-refused'
  | 'ssh-busy'
  | 'ssh-timeout'
  | 'ssh-failed'
  | 'auth-denied'
  | 'host-key-changed'
  | 'wrong-identity'
  | 'stale-nonce'
  | 'no-answer' // logged in, but no acknowledgement came

/** Why a probe was never sent: our own fault, so it blames nobody. */
export type UnmadeReason = 'no-key' | 'no-host-key' | 'no-network'

/** What became of one probe. */
export type ProbeOutcome =
  | { readonly kind: 'ack'; readonly responseMs: number; readonly identity: PublicIdentity; readonly peerClock: number }
  | { readonly kind: 'miss'; readonly reason: MissReason; readonly detail: string }
  | { readonly kind: 'unmade'; readonly reason: UnmadeReason; readonly detail: string }

/** What one probe asks the peer's gate to answer: `nonce` is 32 hex digits, fresh for every probe. */
export const challenge = (nonce: string): string => `ping ${nonce}`

/** At most this many bytes are read from a peer: login noise, the ack line and its identity. */
export const MAX_ACK_BYTES = 128 * 1024

/**
 * Find the acknowledgement in what a peer printed: `claw-clan-ack <nonce> <epoch> <protocol>` at the start of
 * a line, then its identity as JSON. The login shell's start files may have printed before it.
 *
 * @param expected  the peer we meant; compared regardless of case
 */
export function parseAck(
  output: string,
  nonce: string,
  expected: GatewayId,
):
  | { readonly kind: 'ack'; readonly identity: PublicIdentity; readonly peerClock: number }
  | { readonly kind: 'miss'; readonly reason: MissReason; readonly detail: string } {
  const found = /^claw-clan-ack ([0-9a-f]+) (\d{1,12}) (\d{1,4})\r?\n/m.exec(output)
  if (found === null) return miss('no-answer', 'logged in, but no claw-clan acknowledgement came back')
  const [line, answered, epoch] = found
  if (answered !== nonce) return miss('stale-nonce', 'the answer belongs to another question')
  const identity = readIdentity(output.slice(found.index + line.length))
  if (identity === undefined) return miss('wrong-identity', 'the answer carries no readable identity')
  if (identity.gatewayId.toLowerCase() !== expected.toLowerCase()) {
    return miss('wrong-identity', `the machine there says it is "${identity.gatewayId}"`)
  }
  return { kind: 'ack', identity, peerClock: Number(epoch) * 1000 }
}

const miss = (reason: MissReason, detail: string) => ({ kind: 'miss', reason, detail }) as const

function readIdentity(json: string): PublicIdentity | undefined {
  try {
    return parsePublicIdentity(JSON.parse(json), 'identity')
  } catch {
    return undefined
  }
}

import { ClawError } from './error.ts'
import type { PublicIdentity } from './identity.ts'
import { parsePublicIdentity } from './identity.ts'
import { type GatewayId, idKey } from './parse.ts'
import { quoteValue } from './text.ts'

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
  | {
      readonly kind: 'ack'
      readonly responseMs: number
      readonly identity: PublicIdentity
      readonly peerClock: number
    }
  | { readonly kind: 'miss'; readonly reason: MissReason; readonly detail: string }
  | { readonly kind: 'unmade'; readonly reason: UnmadeReason; readonly detail: string }

/** What one probe asks the peer's gate to answer: `nonce` is 32 hex digits, fresh for every probe. */
export const challenge = (nonce: string): string => `ping ${nonce}`

/** At most this many bytes are read from a peer: login noise, the ack line and its identity. */
export const MAX_ACK_BYTES = 128 * 1024

/** What a peer's answer to a challenge proves, or fails to prove. */
export type Answer =
  | { readonly kind: 'ack'; readonly identity: PublicIdentity; readonly peerClock: number }
  | { readonly kind: 'miss'; readonly reason: MissReason; readonly detail: string }

/**
 * Find the acknowledgement in what a peer printed: `claw-clan-ack <nonce> <epoch> <protocol>` and a line end, then
 * its identity as JSON. The login shell's start files may have printed before it, with or without a line end.
 *
 * @param expected  the peer we meant; compared regardless of case
 */
export function parseAck(output: string, nonce: string, expected: GatewayId): Answer {
  const ack = findAck(output, nonce)
  if (ack.kind === 'miss') return ack
  const identity = readIdentity(ack.rest)
  if (identity === undefined) return miss('wrong-identity', 'the answer carries no readable identity')
  if (idKey(identity.gatewayId) !== idKey(expected)) return otherMachine(identity.gatewayId)
  return { kind: 'ack', identity, peerClock: ack.peerClock }
}

/**
 * Find the acknowledgement of a peer without our gate, as `legacyChallenge` makes its login shell print it. A
 * machine with a state.json must be the one we meant; of one without, only the pinned host key says who it is.
 *
 * @param known  what we know of the peer; all of its identity but the id, which is compared
 */
export function parseLegacyAck(output: string, nonce: string, known: PublicIdentity): Answer {
  const ack = findAck(output, nonce)
  if (ack.kind === 'miss') return ack
  const [, kind, name = ''] = /^(gateway|host) (.+?)\r?\n/.exec(ack.rest) ?? []
  if (kind === undefined) return miss('wrong-identity', 'the answer carries no readable identity')
  if (kind === 'gateway' && idKey(name) !== idKey(known.gatewayId)) return otherMachine(name)
  return { kind: 'ack', identity: known, peerClock: ack.peerClock }
}

type FoundAck = { readonly kind: 'found'; readonly peerClock: number; readonly rest: string }

/** The nonce cannot be guessed, so wherever it stands behind our word it is the answer. */
function findAck(output: string, nonce: string): FoundAck | (Answer & { readonly kind: 'miss' }) {
  const word = 'claw-clan-ack '
  const at = output.indexOf(`${word}${nonce} `)
  const [line, epoch] = at < 0 ? [] : (/^.* (\d{1,12}) \d{1,4}\r?\n/.exec(output.slice(at)) ?? [])
  if (line !== undefined) {
    return { kind: 'found', peerClock: Number(epoch) * 1000, rest: output.slice(at + line.length) }
  }
  const isStale = /claw-clan-ack [0-9a-f]{1,64} \d/.test(output)
  return isStale
    ? miss('stale-nonce', 'the answer belongs to another question')
    : miss('no-answer', 'logged in, but no claw-clan acknowledgement came back')
}

const otherMachine = (id: string) => miss('wrong-identity', `the machine there says it is ${quoteValue(id)}`)

const miss = (reason: MissReason, detail: string) => ({ kind: 'miss', reason, detail }) as const

function readIdentity(json: string): PublicIdentity | undefined {
  try {
    return parsePublicIdentity(JSON.parse(json), 'identity')
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ClawError) return undefined
    throw error
  }
}

import { setTimeout as sleepFor } from 'node:timers/promises'
import { ClawError, type ErrorCode } from '../fleet/error.ts'
import type { PublicIdentity } from '../fleet/identity.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import {
  type Answer,
  challenge,
  MAX_ACK_BYTES,
  type MissReason,
  type ProbeOutcome,
  parseAck,
  parseLegacyAck,
  type UnmadeReason,
} from '../fleet/probe.ts'
import { legacyChallenge } from '../fleet/remote.ts'
import { quoteValue } from '../fleet/text.ts'
import { systemClock } from './clock.ts'
import type { PinnedKey } from './known-hosts.ts'
import { type RemoteResult, runOverSsh, type SshTarget } from './ssh.ts'
import { readPrivateKey } from './ssh-keys.ts'

export type ProbeOptions = {
  /** This machine's clan key; undefined when it has none. */
  readonly key: Buffer | undefined
  /** Host keys pinned for this peer. */
  readonly pins: readonly PinnedKey[]
  /** Bound on everything, retries included, in milliseconds. */
  readonly timeoutMs: number
  /** 32 hex digits, fresh for every probe. */
  readonly nonce: string
  /** Pause before a busy sshd is asked again, in milliseconds; random, so that a crowd does not come back together. */
  readonly retryAfterMs: number
  readonly signal?: AbortSignal
}

/** What a probe has to know of a peer. */
export type ProbedPeer = Pick<
  Peer,
  'ip' | 'sshPort' | 'sshUser' | 'legacyKey' | 'name' | 'leadNumber' | 'version'
> & {
  readonly gatewayId: GatewayId
}

/** A full sshd is asked so often again; each costs one pause, and all of them fit into the deadline or are left out. */
const BUSY_RETRIES = 2

/** A login needs this long at least; with less left a retry could only fail for another reason. */
const MIN_LOGIN_MS = 250

/**
 * Ask one peer whether it lives: log in with the pinned host key, have its gate answer a fresh nonce, and check that
 * it is the machine we mean.
 *
 * Never throws for a peer that is down, refuses or lies: that is the outcome. A connection closed before the
 * handshake is tried again, because it only means that too many came at once.
 *
 * @throws what `signal` was aborted with; anything else is a bug
 */
export async function probePeer(peer: ProbedPeer, options: ProbeOptions): Promise<ProbeOutcome> {
  try {
    const key = peer.legacyKey === undefined ? options.key : readPrivateKey(peer.legacyKey)
    if (key === undefined) return unmade('no-key', 'this machine has no usable clan key')
    const { ip: host, sshPort: port, sshUser: user } = peer
    const target = { host, port, user, privateKey: key, pins: options.pins }
    return await ask(peer, target, options)
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return outcomeOf(error)
  }
}

async function ask(peer: ProbedPeer, target: SshTarget, options: ProbeOptions): Promise<ProbeOutcome> {
  const { nonce, timeoutMs, retryAfterMs, signal } = options
  const command = peer.legacyKey === undefined ? challenge(nonce) : legacyChallenge(nonce)
  const startedAt = systemClock.monotonicMs()
  const leftMs = () => Math.ceil(timeoutMs - (systemClock.monotonicMs() - startedAt))
  for (let retries = 0; ; retries++) {
    const sentAt = systemClock.monotonicMs()
    const bounds = {
      timeoutMs: leftMs(),
      maxBytes: MAX_ACK_BYTES,
      ...(signal === undefined ? {} : { signal }),
    }
    try {
      const result = await runOverSsh(target, command, bounds)
      const responseMs = systemClock.monotonicMs() - sentAt
      const answer = readAnswer(peer, nonce, result)
      return answer.kind === 'ack' ? { ...answer, responseMs } : explained(answer, result)
    } catch (error) {
      const isBusy = error instanceof ClawError && error.code === 'ssh-busy'
      if (!isBusy || retries === BUSY_RETRIES || leftMs() < retryAfterMs + MIN_LOGIN_MS) throw error
      await sleepFor(retryAfterMs, undefined, signal === undefined ? {} : { signal })
    }
  }
}

function readAnswer(peer: ProbedPeer, nonce: string, { stdout }: RemoteResult): Answer {
  if (peer.legacyKey === undefined) return parseAck(stdout, nonce, peer.gatewayId)
  const { gatewayId, name, leadNumber, sshUser, version = '' } = peer
  const known: PublicIdentity = { gatewayId, name, leadNumber, sshUser, version }
  return parseLegacyAck(stdout, nonce, known)
}

/** Without an acknowledgement, what the other side complained about is the best hint there is. */
function explained(answer: Answer & { readonly kind: 'miss' }, { code, stderr }: RemoteResult): ProbeOutcome {
  if (answer.reason !== 'no-answer') return answer
  const complaint = stderr.trim().split('\n', 1)[0] ?? ''
  const words = complaint === '' ? '' : `, it says ${quoteValue(complaint)}`
  return { ...answer, detail: `${answer.detail}: exit code ${code ?? 'unknown'}${words}` }
}

/** Which of our errors are the peer's doing. */
const MISSES: ReadonlyMap<ErrorCode, MissReason> = new Map([
  ['host-unreachable', 'host-unreachable'],
  ['ssh-refused', 'ssh-refused'],
  ['ssh-busy', 'ssh-busy'],
  ['ssh-timeout', 'ssh-timeout'],
  ['ssh-failed', 'ssh-failed'],
  ['auth-denied', 'auth-denied'],
  ['host-key-changed', 'host-key-changed'],
  ['bad-answer', 'no-answer'],
])

/** Which are our own, and blame nobody. */
const UNMADE: ReadonlyMap<ErrorCode, UnmadeReason> = new Map([
  ['bad-key', 'no-key'],
  ['host-key-unknown', 'no-host-key'],
  ['no-network', 'no-network'],
])

function outcomeOf(error: ClawError): ProbeOutcome {
  const missed = MISSES.get(error.code)
  if (missed !== undefined) return { kind: 'miss', reason: missed, detail: error.message }
  const unsent = UNMADE.get(error.code)
  if (unsent !== undefined) return unmade(unsent, error.message)
  throw error
}

const unmade = (reason: UnmadeReason, detail: string): ProbeOutcome => ({ kind: 'unmade', reason, detail })

import type { GatewayId } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import type { PinnedKey } from './known-hosts.ts'

export type ProbeOptions = {
  /** This machine's clan key; undefined when it has none. */
  readonly key: Buffer | undefined
  readonly pins: readonly PinnedKey[]
  /** Bound on everything, retries included, in milliseconds. */
  readonly timeoutMs: number
  /** 32 hex digits, fresh. */
  readonly nonce: string
  /** Pause before a busy sshd is asked again, in milliseconds; random, so that a crowd does not come back together. */
  readonly retryAfterMs: number
  readonly signal?: AbortSignal
}

export type ProbedPeer = Pick<
  Peer,
  'ip' | 'sshPort' | 'sshUser' | 'legacyKey' | 'name' | 'leadNumber' | 'version'
> & {
  readonly gatewayId: GatewayId
}

export async function probePeer(_peer: ProbedPeer, _options: ProbeOptions): Promise<ProbeOutcome> {
  throw new Error('not written yet')
}

import type { Clock } from '../adapters/clock.ts'
import type { AskedPeer } from '../fleet/finding-peers.ts'
import type { Peer } from '../fleet/peer.ts'
import type { Inspection } from '../fleet/peer-protocol.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import { nextStep } from './check-ssh.ts'

export type AskDeps = {
  readonly probe: (peer: Peer) => Promise<ProbeOutcome>
  /** Undefined when the peer has no program of ours to ask, or does not answer it. */
  readonly inspect: (peer: Peer) => Promise<Inspection | undefined>
  readonly clock: Pick<Clock, 'now'>
}

/** At most this many logins at once, as in a ping round. */
const MAX_LOGINS = 32

/** Ask every peer once who it is, what time it has and what it runs. Nothing is recorded: that is a round's. */
export async function askPeers(deps: AskDeps, peers: readonly Peer[]): Promise<readonly AskedPeer[]> {
  const asked: AskedPeer[] = []
  const waiting = peers.values()
  const worker = async () => {
    for (const peer of waiting) asked.push(await ask(deps, peer))
  }
  await Promise.all(Array.from({ length: Math.min(MAX_LOGINS, peers.length) }, worker))
  return peers.flatMap(peer => asked.find(each => each.peer === peer) ?? [])
}

async function ask({ probe, inspect, clock }: AskDeps, peer: Peer): Promise<AskedPeer> {
  const outcome = await probe(peer)
  if (outcome.kind !== 'ack') {
    const { reason } = outcome
    if (reason === 'no-key' || reason === 'no-host-key') return { peer, answer: { kind: 'not-asked' } }
    return { peer, answer: { kind: 'failed', reason, next: nextStep(peer, reason) } }
  }
  // The gate reads its clock somewhere within the exchange; half of it is the best guess, and whole seconds are told.
  const askedAt = clock.now().getTime() - outcome.responseMs / 2
  const skewMs = Math.round(outcome.peerClock + 500 - askedAt)
  const found = peer.legacyKey === undefined ? await inspect(peer) : undefined
  const inspection = found === undefined ? undefined : { node: found.versions.node, lastPing: found.lastPing }
  const version = found?.versions.program ?? outcome.identity.version
  return { peer, answer: { kind: 'ack', skewMs, version, inspection } }
}

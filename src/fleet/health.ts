import type { Peer } from './peer.ts'
import type { ProbeOutcome } from './probe.ts'

export type Change = 'none' | 'suspected' | 'went-offline' | 'recovered'

/** What one probe did to a peer's standing. */
export type Verdict = { readonly peer: Peer; readonly change: Change }

/**
 * Fold one probe outcome into what we know of a peer.
 *
 * One ack clears all suspicion; `threshold` misses in a row mean offline; an unmade probe changes no standing.
 * So one lost packet opens no incident, and our own broken network blames nobody.
 *
 * @param peer       the peer as last recorded; not modified
 * @param outcome    result of exactly one probe
 * @param at         when the probe was sent (UTC)
 * @param threshold  consecutive misses that mean offline, an integer >= 1; an outage is known after
 *                   threshold x ping interval, and each step higher tolerates one more lost round
 */
export function judge(peer: Peer, outcome: ProbeOutcome, at: Date, threshold: number): Verdict {
  if (outcome.kind === 'unmade') return { peer: { ...peer, reason: outcome.reason }, change: 'none' }
  const { reason: _cleared, ...known } = { ...peer, lastPingAttempt: at.toISOString() }
  if (outcome.kind === 'ack') {
    const { identity, responseMs } = outcome
    const alive: Peer = {
      ...known,
      name: identity.name,
      leadNumber: identity.leadNumber,
      version: identity.version,
      ...(identity.incarnation === undefined ? {} : { incarnation: identity.incarnation }),
      status: 'online',
      lastSeen: at.toISOString(),
      missedPings: 0,
      sshConnectivity: true,
      responseMs: Math.round(responseMs),
    }
    return { peer: alive, change: peer.status === 'offline' ? 'recovered' : 'none' }
  }
  const missedPings = peer.missedPings + 1
  const missed: Peer = { ...known, missedPings, sshConnectivity: false, reason: outcome.reason }
  if (missedPings < threshold) {
    const change = peer.missedPings === 0 ? 'suspected' : 'none'
    return { peer: { ...missed, status: 'unresponsive' }, change }
  }
  return {
    peer: { ...missed, status: 'offline' },
    change: peer.status === 'offline' ? 'none' : 'went-offline',
  }
}

/**
 * True when a round says more about us than about the others: every peer that was not already offline missed,
 * there are two or more of them, and our own network fails or we just woke. Such a round changes no standing.
 *
 * @param ownFault  our interface or router does not answer, or this machine has just woken
 */
export function isSelfSuspect(
  round: readonly { readonly peer: Peer; readonly outcome: ProbeOutcome }[],
  ownFault: boolean,
): boolean {
  const counted = round.filter(({ peer }) => peer.status !== 'offline')
  return ownFault && counted.length >= 2 && counted.every(({ outcome }) => outcome.kind === 'miss')
}

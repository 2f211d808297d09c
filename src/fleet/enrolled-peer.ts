import type { Peer } from './peer.ts'

/** What an enrolment says of a machine; everything else of its record is found out later. */
export type EnrolledFacts = Pick<
  Peer,
  'gatewayId' | 'name' | 'leadNumber' | 'ip' | 'sshUser' | 'sshPort' | 'clawClanInstalled'
> &
  Partial<
    Pick<
      Peer,
      'version' | 'hostKey' | 'clanKey' | 'oneWay' | 'legacyKey' | 'sshAlias' | 'mayBeAway' | 'incarnation'
    >
  >

/**
 * The record of a machine that is being enrolled, or enrolled again: its standing and history stay, and how it is
 * reached is replaced whole, so nothing of an older way remains.
 *
 * @param known  the record there is; it keeps its spelling of the id
 */
export function enrolledPeer(known: Peer | undefined, facts: EnrolledFacts, at: Date): Peer {
  if (known === undefined) {
    const discoveredAt = at.toISOString()
    return { ...facts, ...UNPROBED, discoveredAt }
  }
  const { oneWay: _way, legacyKey: _legacy, sshAlias: _alias, clanKey: _key, ...kept } = known
  return { ...kept, ...facts, gatewayId: known.gatewayId, addedManually: true }
}

const UNPROBED = {
  status: 'unknown',
  lastSeen: null,
  lastPingAttempt: null,
  missedPings: 0,
  sshConnectivity: false,
  mdnsBroadcasting: false,
  addedManually: true,
} as const

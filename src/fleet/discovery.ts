import { type GatewayId, idKey } from './parse.ts'
import type { Peer } from './peer.ts'
import { isIpv4, type Sighting } from './service.ts'

/** What we make of one sighting. `conflict`: it claims an id that belongs to another machine, and could not prove it. */
export type Known = 'self' | 'enrolled' | 'candidate' | 'conflict'

export type Judged = { readonly sighting: Sighting; readonly known: Known }

/** What one browse taught of one enrolled peer. */
export type PeerNews = {
  /** As recorded when the browse began. */
  readonly peer: Peer
  /** It was heard from its own address. */
  readonly isHeardAtHome: boolean
  /** Another address, where SSH proved that it is this peer. */
  readonly provenAt: Sighting | undefined
  /** The browse was long and undisturbed enough for silence to mean something. */
  readonly isFull: boolean
}

/** Does a sighting claim to be this machine? */
export const isClaimOf = (machine: { readonly gatewayId: GatewayId }, sighting: Sighting): boolean =>
  idKey(machine.gatewayId) === idKey(sighting.gatewayId)

/** A claim that contradicts nothing we know of the peer: address, port and, if both are told, clan key. */
export const agreesWith = (peer: Peer, { ip, port, clanKey }: Sighting): boolean =>
  ip === peer.ip &&
  port === peer.sshPort &&
  (clanKey === undefined || peer.clanKey === undefined || clanKey === peer.clanKey)

/** The claim agrees, and its packets came from that address themselves: others can say the same of it. */
export const isFromHome = (peer: Peer, sighting: Sighting): boolean =>
  agreesWith(peer, sighting) && sighting.sourceIp === peer.ip

/**
 * Judge sightings that claim no enrolled peer's id.
 *
 * Of several that claim one new id the first heard is the candidate, and whoever claims its clan key too: one machine
 * on two networks. A claim to our own id from elsewhere is a conflict.
 *
 * @param ownAddresses  every IPv4 address of this machine
 */
export function judgeStrangers(
  strangers: readonly Sighting[],
  self: Pick<Peer, 'gatewayId' | 'sshPort'>,
  ownAddresses: readonly string[],
): readonly Judged[] {
  return strangers.map((sighting): Judged => {
    if (isClaimOf(self, sighting)) {
      const isSelf = ownAddresses.includes(sighting.ip) && sighting.port === self.sshPort
      return { sighting, known: isSelf ? 'self' : 'conflict' }
    }
    const first = strangers.find(other => isClaimOf(other, sighting)) ?? sighting
    const isSame = sighting === first || (first.clanKey !== undefined && first.clanKey === sighting.clanKey)
    return { sighting, known: isSame ? 'candidate' : 'conflict' }
  })
}

/**
 * The keys of a peer's record that a browse changes: its address after an SSH proof and only while nobody answers at
 * the old one, and whether it can be heard. Lead number, name, version and keys are never taken from the network.
 *
 * An address that the owner gave as a host name, or as IPv6, stays.
 *
 * @returns undefined when nothing changes, so that nothing is written
 */
export function changeOfPeer({ peer, isHeardAtHome, provenAt, isFull }: PeerNews): Partial<Peer> | undefined {
  const isMoved =
    !isHeardAtHome &&
    provenAt !== undefined &&
    isIpv4(peer.ip) &&
    (provenAt.ip !== peer.ip || provenAt.port !== peer.sshPort)
  const isHeard = isHeardAtHome || provenAt !== undefined
  const isBroadcasting = isHeard || (peer.mdnsBroadcasting && !isFull)
  const change = {
    ...(isMoved ? { ip: provenAt.ip, sshPort: provenAt.port } : {}),
    ...(isBroadcasting === peer.mdnsBroadcasting ? {} : { mdnsBroadcasting: isBroadcasting }),
  }
  return Object.keys(change).length === 0 ? undefined : change
}

import { ClawError } from './error.ts'
import type { Identity } from './identity.ts'
import { nearest } from './nearest.ts'
import { field, type GatewayId, idKey, lazy, parseValue, type Source, stored, z } from './parse.ts'
import { quoteValue, safeName } from './text.ts'

export type PeerStatus = 'online' | 'unresponsive' | 'offline' | 'unknown'

/** Another machine as we know it. Key names and statuses are the bash version's; the optional ones are ours. */
export type Peer = {
  readonly gatewayId: GatewayId
  readonly name: string
  /** 1..9999; 0 means it never leads. */
  readonly leadNumber: number
  readonly ip: string
  readonly sshUser: string
  readonly sshPort: number
  readonly status: PeerStatus
  /** UTC, ISO 8601; null before the first ack. */
  readonly lastSeen: string | null
  readonly lastPingAttempt: string | null
  readonly missedPings: number
  readonly sshConnectivity: boolean
  readonly clawClanInstalled: boolean
  readonly mdnsBroadcasting: boolean
  /** SHA256 fingerprint of the pinned host key, for people; known_hosts holds the key itself. */
  readonly hostKey?: string
  /** SHA256 fingerprint of the clan key this peer reaches us with. */
  readonly clanKey?: string
  /** Milliseconds from connect to answer of the last ack. */
  readonly responseMs?: number
  /** Why the last probe was not an ack; absent after one. */
  readonly reason?: string
  readonly version?: string
  readonly incarnation?: number
  readonly discoveredAt?: string
  readonly addedManually?: boolean
  readonly mayBeAway?: boolean
  readonly oneWay?: boolean
  /** Private key file for a peer without claw-peer (`add --legacy`); absolute path on this machine. */
  readonly legacyKey?: string
}

/** Self and the enrolled peers: the input to every fleet decision. */
export type Roster = { readonly self: Identity; readonly peers: readonly Peer[] }

const peerFile = lazy(() =>
  z.looseObject({
    gatewayId: field.gatewayId,
    name: z.catch(z.string(), ''),
    leadNumber: stored.leadNumber(),
    ip: field.host,
    sshUser: z.catch(z.optional(field.sshUser), undefined),
    sshPort: z.catch(z.optional(field.port), undefined),
    port: z.catch(z.optional(field.port), undefined),
    status: z.catch(z.enum(['online', 'unresponsive', 'offline', 'unknown']), 'unknown'),
    lastSeen: stored.time(),
    lastPingAttempt: stored.time(),
    missedPings: stored.count(),
    sshConnectivity: stored.flag(),
    clawClanInstalled: stored.flag(),
    mdnsBroadcasting: stored.flag(),
  }),
)

/**
 * Read a peer file, our own or the bash version's. What was never written gets its neutral value; unknown
 * keys stay on the object and are written back.
 *
 * @param ownUser  login name for a peer that has none, as the bash version did
 * @throws {ClawError} `damaged-state` without a valid id and address
 */
export function parsePeer(value: unknown, source: Source, ownUser: string): Peer {
  const { sshUser, sshPort, ...peer } = parseValue(peerFile, value, source, 'damaged-state')
  return {
    ...peer,
    name: safeName(peer.name, peer.gatewayId),
    sshUser: sshUser ?? ownUser,
    sshPort: sshPort ?? peer.port ?? 22,
  }
}

/** Order of every listing: lead number, never-leading machines last, then id. */
export function byLeadNumber(
  a: Pick<Peer, 'leadNumber' | 'gatewayId'>,
  b: Pick<Peer, 'leadNumber' | 'gatewayId'>,
): number {
  const rank = (n: number) => (n === 0 ? Number.MAX_SAFE_INTEGER : n)
  return rank(a.leadNumber) - rank(b.leadNumber) || compareText(a.gatewayId, b.gatewayId)
}

/** Code-unit order, the same on every machine; a locale would give each its own leader. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The enrolled peer with this id, regardless of case.
 *
 * @throws {ClawError} `unknown-peer`, naming the nearest known ids
 */
export function findPeer(peers: readonly Peer[], id: string): Peer {
  const found = peers.find(peer => idKey(peer.gatewayId) === idKey(id))
  if (found !== undefined) return found
  const ids = peers.map(peer => peer.gatewayId).toSorted(compareText)
  const close = nearest(id, ids)
  const known = ids.length === 0 ? 'no peer is enrolled' : `enrolled are ${ids.slice(0, 8).join(', ')}`
  throw new ClawError('unknown-peer', `No enrolled peer ${quoteValue(id)}: ${known}`, {
    hint: close.length === 0 ? 'Run "claw-status" for the whole list' : `Did you mean ${close.join(' or ')}?`,
  })
}

/** A machine seen by mDNS and not enrolled; never probed, never trusted. */
export type Candidate = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly leadNumber: number
  readonly ip: string
  readonly port: number
  readonly version: string
  /** Clan key fingerprint it claims; a hint only. */
  readonly clanKey?: string
  readonly discoveredAt: string
  readonly lastSeen: string
}

const candidateFile = lazy(() =>
  z.looseObject({
    gatewayId: field.gatewayId,
    name: z.catch(z.string(), ''),
    leadNumber: stored.leadNumber(),
    ip: field.host,
    port: z.catch(field.port, 22),
    version: stored.shortText(),
    discoveredAt: stored.shortText(),
    lastSeen: stored.shortText(),
  }),
)

/** @throws {ClawError} `damaged-state` without a valid id and address */
export function parseCandidate(value: unknown, source: Source): Candidate {
  const candidate = parseValue(candidateFile, value, source, 'damaged-state')
  return { ...candidate, name: safeName(candidate.name, candidate.gatewayId) }
}

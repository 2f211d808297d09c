import { ClawError } from './error.ts'
import type { Identity } from './identity.ts'
import { nearest } from './nearest.ts'
import { type GatewayId, idKey, type Source } from './parse.ts'
import { type StoredRecord, stored, storedAddress, storedId, storedRecord } from './stored.ts'
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
  /** What the owner's ssh_config calls it, where that is not its address. */
  readonly sshAlias?: string
}

/** Self and the enrolled peers: the input to every fleet decision. */
export type Roster = { readonly self: Identity; readonly peers: readonly Peer[] }

/**
 * Read a peer file, our own or the bash version's. What was never written gets its neutral value; unknown
 * keys stay on the object and are written back.
 *
 * @param ownUser  login name for a peer that has none, as the bash version did
 * @throws {ClawError} `damaged-state` without a valid id and address
 */
export function parsePeer(value: unknown, source: Source, ownUser: string): Peer {
  const file = withoutOddFacts(storedRecord(value, source))
  const gatewayId = storedId(file, source)
  return {
    ...file,
    gatewayId,
    name: safeName(stored.text(file.name), gatewayId),
    leadNumber: stored.leadNumber(file.leadNumber),
    ip: storedAddress(file, source),
    sshUser: stored.sshUser(file.sshUser) ?? ownUser,
    // What the bash version's discovery found is in `port`.
    sshPort: stored.port(file.sshPort) ?? stored.port(file.port) ?? 22,
    status: PEER_STATUSES.find(status => status === file.status) ?? 'unknown',
    lastSeen: stored.time(file.lastSeen),
    lastPingAttempt: stored.time(file.lastPingAttempt),
    missedPings: stored.count(file.missedPings),
    sshConnectivity: stored.flag(file.sshConnectivity),
    clawClanInstalled: stored.flag(file.clawClanInstalled),
    mdnsBroadcasting: stored.flag(file.mdnsBroadcasting),
  }
}

/** The record without optional facts of another type than ours, so that no reader meets one. */
function withoutOddFacts(file: StoredRecord): StoredRecord {
  return Object.fromEntries(
    Object.entries(file).filter(([key, value]) => {
      const type = OPTIONAL_FACTS.get(key)
      return type === undefined || typeof value === type
    }),
  )
}

const PEER_STATUSES: readonly PeerStatus[] = ['online', 'unresponsive', 'offline', 'unknown']

const OPTIONAL_FACTS: ReadonlyMap<string, string> = new Map([
  ['hostKey', 'string'],
  ['clanKey', 'string'],
  ['responseMs', 'number'],
  ['reason', 'string'],
  ['version', 'string'],
  ['incarnation', 'number'],
  ['discoveredAt', 'string'],
  ['addedManually', 'boolean'],
  ['mayBeAway', 'boolean'],
  ['oneWay', 'boolean'],
  ['legacyKey', 'string'],
  ['sshAlias', 'string'],
])

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

/** @throws {ClawError} `damaged-state` without a valid id and address */
export function parseCandidate(value: unknown, source: Source): Candidate {
  const { clanKey, ...file } = storedRecord(value, source)
  const gatewayId = storedId(file, source)
  return {
    ...file,
    gatewayId,
    name: safeName(stored.text(file.name), gatewayId),
    leadNumber: stored.leadNumber(file.leadNumber),
    ip: storedAddress(file, source),
    port: stored.port(file.port) ?? 22,
    version: stored.shortText(file.version),
    discoveredAt: stored.shortText(file.discoveredAt),
    lastSeen: stored.shortText(file.lastSeen),
    ...(typeof clanKey === 'string' ? { clanKey } : {}),
  }
}

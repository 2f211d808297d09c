import type { Clock } from '../adapters/clock.ts'
import type { BrowseReading, browse } from '../adapters/mdns-browse.ts'
import {
  agreesWith,
  changeOfPeer,
  isClaimOf,
  isFromHome,
  type Judged,
  judgeStrangers,
  type Known,
  type PeerNews,
} from '../fleet/discovery.ts'
import type { FleetEvent } from '../fleet/event.ts'
import type { Identity } from '../fleet/identity.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import { byLeadNumber, type Candidate, type Peer } from '../fleet/peer.ts'
import { isIpv4, type Sighting } from '../fleet/service.ts'
import type { FleetStore } from '../store/store.ts'

export type DiscoverDeps = {
  readonly self: Identity
  readonly store: Pick<FleetStore, 'peers' | 'changePeers' | 'candidates' | 'saveCandidates' | 'recordEvents'>
  readonly clock: Clock
  readonly browse: typeof browse
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  /** Every IPv4 address of this machine (`ownAddresses()`). */
  readonly ownAddresses: readonly string[]
  /**
   * SSH proof: true only when the machine at that address has the peer's pinned host key and gave the peer's own
   * answer. Never throws for a machine that does not answer.
   */
  readonly probeAt: (peer: Peer, ip: string, port: number) => Promise<boolean>
  readonly signal?: AbortSignal
  readonly onProgress?: (found: number, elapsedMs: number) => void
}

/** One machine heard; the keys are a public interface. */
export type FoundMachine = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly leadNumber: number
  readonly version: string
  readonly known: Known
}

export type DiscoverResult = {
  /** Lowest lead number first. */
  readonly found: readonly FoundMachine[]
  /** OpenClaw gateways on machines that are not enrolled. */
  readonly gateways: readonly { readonly name: string; readonly ip: string; readonly port: number }[]
  readonly durationMs: number
  readonly warnings: readonly string[]
}

/** Without a number of seconds. Longer finds slower machines and costs every caller the wait. */
const DEFAULT_MS = 5_000
/** Addresses one peer may prove in one run: each costs a login attempt, and anybody can claim many. */
const MAX_PROOFS = 3

/**
 * Browse, list who was heard, and keep the unknown ones as candidates.
 *
 * Nothing heard changes a peer's route, lead number, name or trust. Only an SSH proof moves a peer to a new address,
 * and only while nobody answers at its old one.
 *
 * @param seconds  browse exactly this long (1..60); absent: at most 5 s, less once every enrolled peer has answered
 *                 and 1 s was quiet
 * @throws {ClawError} `no-network`, `store-unavailable`
 */
export async function discoverMachines(deps: DiscoverDeps, seconds?: number): Promise<DiscoverResult> {
  const { store, clock } = deps
  const startedAt = clock.monotonicMs()
  const { peers, damaged } = await store.peers()
  const reading = await listen(deps, peers, seconds)
  const { judged, news } = await judgeSightings(deps, peers, reading)
  await savePeers(deps, news)
  await saveCandidates(deps, judged)
  return {
    found: judged.map(({ sighting, known }) => foundMachine(sighting, known)).toSorted(byLeadNumber),
    gateways: notEnrolled(deps, peers, reading),
    durationMs: Math.round(clock.monotonicMs() - startedAt),
    warnings: [...reading.warnings, ...damaged.map(error => error.message)],
  }
}

function listen(
  deps: DiscoverDeps,
  peers: readonly Peer[],
  seconds: number | undefined,
): Promise<BrowseReading> {
  const { clock, interfaces, signal, onProgress } = deps
  // Where a peer is reached by host name, or by IPv6, its own address is not one that mDNS tells us.
  const awaited = peers.filter(peer => isIpv4(peer.ip))
  const mayEndEarly = seconds === undefined && awaited.length > 0
  const isComplete = (sightings: readonly Sighting[]) =>
    awaited.every(peer => sightings.some(sighting => isClaimOf(peer, sighting) && isFromHome(peer, sighting)))
  return deps.browse({
    durationMs: seconds === undefined ? DEFAULT_MS : seconds * 1000,
    ...(mayEndEarly ? { isComplete } : {}),
    expected: awaited.map(peer => peer.ip),
    interfaces,
    clock,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
}

async function judgeSightings(
  deps: DiscoverDeps,
  peers: readonly Peer[],
  { sightings, isFull }: BrowseReading,
): Promise<{ readonly judged: readonly Judged[]; readonly news: readonly PeerNews[] }> {
  const ofPeers = await Promise.all(
    peers.map(async peer => {
      const own = sightings.filter(sighting => isClaimOf(peer, sighting))
      const proven = await prove(deps, peer, own)
      const judged = own.map((sighting): Judged => {
        const isEnrolled = agreesWith(peer, sighting) || proven.includes(sighting)
        return { sighting, known: isEnrolled ? 'enrolled' : 'conflict' }
      })
      const isHeardAtHome = own.some(sighting => isFromHome(peer, sighting))
      return { judged, news: { peer, isHeardAtHome, provenAt: proven[0], isFull } }
    }),
  )
  const strangers = sightings.filter(sighting => !peers.some(peer => isClaimOf(peer, sighting)))
  return {
    judged: [
      ...ofPeers.flatMap(({ judged }) => judged),
      ...judgeStrangers(strangers, deps.self, deps.ownAddresses),
    ],
    news: ofPeers.map(({ news }) => news),
  }
}

/** Ask the machines that claim to be a peer elsewhere for the proof; all at once, so a mute one costs one deadline. */
async function prove(
  { probeAt, signal }: DiscoverDeps,
  peer: Peer,
  own: readonly Sighting[],
): Promise<readonly Sighting[]> {
  if (signal?.aborted === true) return []
  const claims = own.filter(sighting => !agreesWith(peer, sighting)).slice(0, MAX_PROOFS)
  const proofs = await Promise.all(claims.map(({ ip, port }) => probeAt(peer, ip, port)))
  return claims.filter((_, at) => proofs[at] === true)
}

/** Write only peers of which something really changed: hearing the same again costs no write. */
async function savePeers({ store, clock }: DiscoverDeps, news: readonly PeerNews[]): Promise<void> {
  const changed = news.filter(each => changeOfPeer(each) !== undefined)
  if (changed.length === 0) return
  const newsOf = (peer: Peer) => changed.find(each => idKey(each.peer.gatewayId) === idKey(peer.gatewayId))
  const written = await store.changePeers(peers =>
    peers.flatMap(peer => {
      const seen = newsOf(peer)
      // Moved by somebody else since we read it: what we learned was about the address it had.
      if (seen === undefined || !isSamePlace(seen.peer, peer)) return []
      const change = changeOfPeer({ ...seen, peer })
      return change === undefined ? [] : [{ ...peer, ...change }]
    }),
  )
  const timestamp = clock.now().toISOString()
  const events = written.flatMap((peer): FleetEvent[] => {
    const before = newsOf(peer)?.peer
    if (before === undefined || isSamePlace(before, peer)) return []
    const data = { from: before.ip, fromPort: before.sshPort, to: peer.ip, toPort: peer.sshPort }
    return [{ timestamp, event: 'address_changed', gatewayId: peer.gatewayId, data }]
  })
  if (events.length > 0) await store.recordEvents(events)
}

const isSamePlace = (a: Peer, b: Peer): boolean => a.ip === b.ip && a.sshPort === b.sshPort

async function saveCandidates({ store, clock }: DiscoverDeps, judged: readonly Judged[]): Promise<void> {
  const candidates = judged.filter(({ known }) => known === 'candidate').map(({ sighting }) => sighting)
  // A machine heard at two addresses is kept once, as heard first.
  const seen = candidates.filter(each => candidates.find(other => isClaimOf(other, each)) === each)
  if (seen.length === 0) return
  const before = await store.candidates()
  const lastSeen = clock.now().toISOString()
  await store.saveCandidates(
    seen.map(({ sourceIp: _hint, ...sighting }): Candidate => {
      const known = before.find(candidate => idKey(candidate.gatewayId) === idKey(sighting.gatewayId))
      return { ...sighting, discoveredAt: known?.discoveredAt ?? lastSeen, lastSeen }
    }),
  )
}

/** Told apart by host address: what a gateway says of itself proves nothing. */
function notEnrolled({ ownAddresses }: DiscoverDeps, peers: readonly Peer[], { gateways }: BrowseReading) {
  const known = new Set([...ownAddresses, ...peers.map(peer => peer.ip)])
  return gateways.filter(({ ip }) => !known.has(ip))
}

const foundMachine = (sighting: Sighting, known: Known): FoundMachine => {
  const { gatewayId, name, ip, port, leadNumber, version } = sighting
  return { gatewayId, name, ip, port, leadNumber, version, known }
}

import type { Clock } from '../adapters/clock.ts'
import { type Change, isSelfSuspect, judge, type Verdict } from '../fleet/health.ts'
import { type Identity, type PublicIdentity, publicPart } from '../fleet/identity.ts'
import { leaderOf } from '../fleet/leader.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import { byLeadNumber, findPeer, type Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import { roundEvents } from '../fleet/round.ts'
import type { Settings } from '../fleet/settings.ts'
import type { FleetStore } from '../store/store.ts'

/** At most this many logins are under way at once; more would only queue in the servers. */
export const MAX_LOGINS = 32

export type PingDeps = {
  readonly self: Identity
  readonly store: Pick<FleetStore, 'peers' | 'commitRound' | 'lastRun'>
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>
  readonly settings: Pick<Settings, 'offlineThresholdPings'>
  /** Never throws for a peer that is merely down. */
  readonly probe: (peer: Peer) => Promise<ProbeOutcome>
  /** Asked only when everybody missed: does our own interface or router fail? */
  readonly ownNetworkFails: () => Promise<boolean>
  readonly onProgress: (done: number, total: number) => void
}

/** One peer's line of the result; the keys are a public interface. */
export type PingedPeer = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly outcome: ProbeOutcome['kind']
  readonly reason: string | null
  readonly detail: string | null
  readonly status: Peer['status']
  readonly change: Change
  readonly missedPings: number
  readonly responseMs: number | null
  readonly leadNumber: number
}

export type PingResult = {
  readonly self: PublicIdentity
  readonly leader: GatewayId | null
  readonly selfSuspect: boolean
  readonly durationMs: number
  readonly peers: readonly PingedPeer[]
  /** Peer records that could not be read: paths and what became of them. */
  readonly damaged: readonly string[]
}

type Probed = { readonly peer: Peer; readonly outcome: ProbeOutcome; readonly at: Date }

/**
 * Probe enrolled peers once, all at the same time, record what was learned, and report it.
 *
 * Peers that answered last time go first, so that known dead ones delay nobody's result. The verdict is folded into
 * each record as it stands when the round is stored, not as it was when the round began.
 *
 * @param only  gateway ids to probe, regardless of case; every enrolled peer when absent
 * @throws {ClawError} `unknown-peer` with the nearest known ids; `store-unavailable`
 */
export async function pingFleet(deps: PingDeps, only?: readonly string[]): Promise<PingResult> {
  const started = deps.clock.monotonicMs()
  const { peers, damaged: unreadable } = await deps.store.peers()
  const chosen = choose(peers, only).toSorted((a, b) => a.missedPings - b.missedPings)
  const probed = await probeAll(chosen, deps)
  const alone = probed.length > 0 && isSelfSuspect(probed, true)
  const selfSuspect = alone && (await deps.ownNetworkFails())
  const nothingToRecord = peers.length === 0 && unreadable.length === 0
  const {
    peers: judged,
    leader,
    damaged,
  } = nothingToRecord
    ? { peers: [], leader: leaderOf({ self: deps.self, peers }), damaged: [] }
    : await record(deps, probed, selfSuspect)
  return {
    self: publicPart(deps.self),
    leader: leader ?? null,
    selfSuspect,
    durationMs: Math.round(deps.clock.monotonicMs() - started),
    peers: judged.toSorted(byLeadNumber),
    damaged: damaged.map(error => error.message),
  }
}

function choose(peers: readonly Peer[], only: readonly string[] | undefined): readonly Peer[] {
  if (only === undefined) return peers
  return [...new Set(only.map(id => findPeer(peers, id)))]
}

async function probeAll(
  peers: readonly Peer[],
  { probe, clock, onProgress }: PingDeps,
): Promise<readonly Probed[]> {
  const waiting = peers.values()
  const probed: Probed[] = []
  onProgress(0, peers.length)
  const worker = async () => {
    for (const peer of waiting) {
      const at = clock.now()
      probed.push({ peer, outcome: await probe(peer), at })
      onProgress(probed.length, peers.length)
    }
  }
  await Promise.all(Array.from({ length: Math.min(MAX_LOGINS, peers.length) }, worker))
  return probed
}

async function record(deps: PingDeps, probed: readonly Probed[], selfSuspect: boolean) {
  const { self, store, settings, clock } = deps
  const outcomes = new Map(probed.map(({ peer, ...probe }) => [idKey(peer.gatewayId), probe]))
  const lastLeader = await leaderOfLastRound(store)
  let lines: PingedPeer[] = []
  let leader: GatewayId | undefined
  const { damaged } = await store.commitRound(current => {
    const verdicts = current.flatMap(before => {
      const probe = outcomes.get(idKey(before.gatewayId))
      if (probe === undefined) return []
      const { outcome, at } = probe
      const verdict = selfSuspect
        ? unchanged(before)
        : judge(before, outcome, at, settings.offlineThresholdPings)
      return [{ before, outcome, ...verdict }]
    })
    const judged = new Map(verdicts.map(({ peer }) => [peer.gatewayId, peer]))
    leader = leaderOf({ self, peers: current.map(peer => judged.get(peer.gatewayId) ?? peer) })
    lines = verdicts.map(({ peer, outcome, change }) => line(peer, outcome, change))
    const before = lastLeader === undefined ? leaderOf({ self, peers: current }) : lastLeader
    return {
      peers: verdicts.map(({ peer }) => peer),
      events: roundEvents({ verdicts, selfSuspect, leader, before }, clock.now()),
    }
  })
  return { peers: lines, leader, damaged }
}

const unchanged = (peer: Peer): Verdict => ({ peer, change: 'none' })

async function leaderOfLastRound(store: PingDeps['store']): Promise<GatewayId | null | undefined> {
  const runs = await Promise.all(['claw-ping', 'claw-ping --only'].map(program => store.lastRun(program)))
  const newest = runs.toSorted((a, b) => ((a?.finishedAt ?? '') < (b?.finishedAt ?? '') ? 1 : -1))[0]
  const result = newest?.result
  return typeof result === 'object' && result !== null && 'leader' in result
    ? (result.leader as GatewayId | null)
    : undefined
}

function line(peer: Peer, outcome: ProbeOutcome, change: Change): PingedPeer {
  return {
    gatewayId: peer.gatewayId,
    name: peer.name,
    outcome: outcome.kind,
    reason: outcome.kind === 'ack' ? null : outcome.reason,
    detail: outcome.kind === 'ack' ? null : outcome.detail,
    status: peer.status,
    change,
    missedPings: peer.missedPings,
    responseMs: outcome.kind === 'ack' ? Math.round(outcome.responseMs) : null,
    leadNumber: peer.leadNumber,
  }
}

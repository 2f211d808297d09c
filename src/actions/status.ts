import type { Clock } from '../adapters/clock.ts'
import { type Identity, type PublicIdentity, publicPart } from '../fleet/identity.ts'
import { leaderOf } from '../fleet/leader.ts'
import type { GatewayId } from '../fleet/parse.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import { type ShownPending, shownPending } from '../fleet/pending.ts'
import { inForce, type Revocation } from '../fleet/revocation.ts'
import type { Settings } from '../fleet/settings.ts'
import type { FleetStore } from '../store/store.ts'

export type StatusDeps = {
  readonly self: Identity
  readonly store: Pick<FleetStore, 'peers' | 'lastRun' | 'pending' | 'revocations'>
  readonly clock: Pick<Clock, 'now'>
  readonly settings: Pick<Settings, 'pingIntervalMinutes' | 'scheduler'>
  /** What is wrong with the settings, fit to be shown. */
  readonly settingsWarnings: readonly string[]
}

/** The last ping round: when, and whether its schedule still seems alive. */
export type LastRound = { readonly finishedAt: string; readonly ageSeconds: number; readonly stale: boolean }

export type StatusResult = {
  readonly self: PublicIdentity
  readonly leader: GatewayId | null
  readonly isLeader: boolean
  /** null when no round was ever recorded here. */
  readonly lastRound: LastRound | null
  readonly peers: readonly (Peer & { readonly stale: boolean })[]
  readonly incidents: readonly never[]
  /** What waits for contact with other machines. */
  readonly pending: readonly ShownPending[]
  /** Machines that were revoked and not added again. */
  readonly revoked: readonly Pick<Revocation, 'gatewayId' | 'revokedAt'>[]
  /** Peer records that cannot be read, one line each; they are warnings too. */
  readonly damaged: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * The fleet as it is recorded; probes nobody.
 *
 * What is older than two ping intervals is marked stale: the schedule that should have renewed it is dead, and
 * "online" would be a guess.
 */
export async function fleetStatus(deps: StatusDeps): Promise<StatusResult> {
  const { self, store, clock, settings } = deps
  const { peers, damaged } = await store.peers()
  const now = clock.now()
  const staleAfterMs = 2 * settings.pingIntervalMinutes * 60_000
  const isStale = (time: string | null) => time === null || now.getTime() - Date.parse(time) > staleAfterMs
  const [run, pending, revocations] = await Promise.all([
    store.lastRun('claw-ping'),
    store.pending(),
    store.revocations(),
  ])
  const lastRound = run === undefined ? null : roundOf(run.finishedAt, now, isStale(run.finishedAt))
  const leader = leaderOf({ self, peers }) ?? null
  return {
    self: publicPart(self),
    leader,
    isLeader: leader === self.gatewayId,
    lastRound,
    peers: peers.toSorted(byLeadNumber).map(peer => ({ ...peer, stale: isStale(peer.lastPingAttempt) })),
    incidents: [],
    pending: pending.map(shownPending),
    revoked: inForce(revocations).map(({ gatewayId, revokedAt }) => ({ gatewayId, revokedAt })),
    damaged: damaged.map(error => error.message),
    warnings: [
      ...damaged.map(error => error.message),
      ...deps.settingsWarnings,
      ...scheduleWarnings(peers.length, lastRound, settings),
      ...leadNumberWarnings(self, peers),
    ],
  }
}

function roundOf(finishedAt: string, now: Date, stale: boolean): LastRound {
  // A clock that was set back makes the last round lie in the future: say "just now" rather than a negative age.
  const ageSeconds = Math.max(0, Math.round((now.getTime() - Date.parse(finishedAt)) / 1000))
  return { finishedAt, ageSeconds, stale }
}

function scheduleWarnings(
  peers: number,
  last: LastRound | null,
  settings: StatusDeps['settings'],
): readonly string[] {
  if (peers === 0 || last?.stale === false) return []
  const since =
    last === null ? 'No ping round was ever recorded' : 'The last ping round is older than two intervals'
  const { scheduler, pingIntervalMinutes } = settings
  const why =
    scheduler === 'none'
      ? 'nothing is scheduled ("claw-setup schedule" does it)'
      : `the schedule (${scheduler}, every ${pingIntervalMinutes} min) is not running`
  return [`${since}: ${why}; "claw-ping" probes now`]
}

function leadNumberWarnings(self: Identity, peers: readonly Peer[]): readonly string[] {
  const machines = [self, ...peers].filter(machine => machine.leadNumber > 0)
  const byNumber = Map.groupBy(machines, machine => machine.leadNumber)
  return [...byNumber]
    .filter(([, same]) => same.length > 1)
    .map(
      ([number, same]) =>
        `Lead number ${number} is used by ${same.map(m => m.gatewayId).join(', ')}: the first by id ranks higher`,
    )
}

type Judged = Pick<StatusResult, 'peers' | 'pending' | 'warnings'>

/** True when a person should look: somebody not online, stale standings, work that needs his login, or a warning. */
export const needsAttention = ({ peers, pending, warnings }: Judged): boolean =>
  warnings.length > 0 ||
  pending.some(({ tries }) => tries > 0) ||
  peers.some(peer => peer.status !== 'online' || peer.stale)

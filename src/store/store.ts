import type { ClawError } from '../fleet/error.ts'
import type { FleetEvent } from '../fleet/event.ts'
import type { Identity } from '../fleet/identity.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { Candidate, Peer } from '../fleet/peer.ts'
import type { PendingItem } from '../fleet/pending.ts'
import type { Revocation } from '../fleet/revocation.ts'

/**
 * Where one machine keeps what it knows of the fleet.
 *
 * Promises of every backend: a change that returned is durable and seen by every later read, from any process;
 * of two writes to one peer the later wins, and a change is computed from the record it replaces, so no update
 * is lost; two writers of two peers lose neither. What cannot be read or written is `store-unavailable`.
 */
export type FleetStore = AsyncDisposable & {
  /** @returns undefined before the first setup. @throws {ClawError} `damaged-state` */
  self(): Promise<Identity | undefined>
  saveSelf(self: Identity): Promise<void>

  /** Every enrolled peer, in no order. A damaged record does not hide the others: it is reported beside them. */
  peers(): Promise<PeersReading>

  /**
   * Read, change and write peers as one step. Nobody else writes in between, so `change` must be quick and pure.
   * Nothing is written when it throws, and only what it returns is: peers it leaves out stay as they are.
   *
   * @param change  from every enrolled peer to those to write; a new id enrols a peer
   * @returns what was written
   */
  changePeers(change: (peers: readonly Peer[]) => readonly Peer[]): Promise<readonly Peer[]>

  /**
   * As `changePeers`, with the events that follow from the change in the same step: no standing is ever stored
   * without its event, whenever the machine stops (an event may then be recorded twice, never lost).
   *
   * @returns the peers that were written, and one `damaged-state` error per record found damaged and set aside
   */
  commitRound(change: (peers: readonly Peer[]) => PeersChange): Promise<PeersReading>

  /** @returns false when there was no such peer. */
  removePeer(id: GatewayId): Promise<boolean>

  candidates(): Promise<readonly Candidate[]>

  /**
   * Replace or add candidates; beyond `MAX_CANDIDATES` the ones not seen for longest go. An enrolled id is refused
   * silently: discovery never touches a peer.
   */
  saveCandidates(seen: readonly Candidate[]): Promise<void>

  /** Record what happened; durable with the change that caused it, in order. */
  recordEvents(events: readonly FleetEvent[]): Promise<void>

  /** The newest events, newest first. */
  events(limit: number): Promise<readonly FleetEvent[]>

  /** Remember that a program finished a run here, and what it found; the latest run of each program is kept. */
  recordRun(run: Run): Promise<void>
  lastRun(program: string): Promise<Run | undefined>

  /** What waits for contact with a machine and the owner's login there, oldest first. */
  pending(): Promise<readonly PendingItem[]>

  /**
   * Put work off. Of two items of one pair of machines the one created later stays, of equally old ones the one
   * added later. Beyond `MAX_PENDING` the oldest go, revocations last.
   */
  addPending(items: readonly PendingItem[]): Promise<void>
  removePending(ids: readonly string[]): Promise<void>

  /** Machines that were revoked here, lifted revocations too. */
  revocations(): Promise<readonly Revocation[]>

  /** Add revocations, each in the place of an older one, or of the same one, of the same id. */
  saveRevocations(revocations: readonly Revocation[]): Promise<void>
}

export type PeersReading = {
  readonly peers: readonly Peer[]
  /** One `damaged-state` error per record that could not be read, naming its path. */
  readonly damaged: readonly ClawError[]
}

/** What a round wants written. */
export type PeersChange = { readonly peers: readonly Peer[]; readonly events: readonly FleetEvent[] }

/** One finished run of one program. */
export type Run = {
  readonly program: string
  /** UTC, ISO 8601. */
  readonly startedAt: string
  readonly finishedAt: string
  /** The program's own result, as `--json` prints it; shown again to a second caller that waited. */
  readonly result: unknown
}

/** Seen machines kept at most; a flood of invented ones costs no more disk than this. */
export const MAX_CANDIDATES = 256

/** Pieces of work that wait at most: every pair of a fleet of 32 machines. */
export const MAX_PENDING = 1000

/** Revocations kept at most; the oldest go first. */
export const MAX_REVOCATIONS = 1000

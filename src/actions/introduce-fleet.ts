import { hasGate, watches } from '../fleet/acquaintance.ts'
import { idKey } from '../fleet/parse.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import { type FleetDeps, type Introduction, introducePairs, type Newcomer } from './introduce-pairs.ts'
import { type Work, workWith } from './pending-work.ts'

/**
 * Make a newcomer and every machine enrolled here known to each other, by the owner's own login on each: clan keys
 * and pinned host keys go both ways, and each asks the other to prove it. `enrolPeer` has put the work on the pending
 * list, so that what is cut off or cannot be reached now is done at next contact.
 *
 * One machine that fails stops no other.
 *
 * @throws {ClawError} `store-unavailable`
 */
export async function introduceToFleet(
  deps: FleetDeps,
  newcomer: Newcomer,
): Promise<readonly Introduction[]> {
  const { gatewayId } = newcomer.peer
  const { peers } = await deps.store.peers()
  const others = peers.filter(peer => idKey(peer.gatewayId) !== idKey(gatewayId)).toSorted(byLeadNumber)
  const works = introductionWork(others, newcomer, deps.clock.now())
  const made = await introducePairs(deps, newcomer, { works, prove: true })
  const byId = new Map(made.map(one => [one.gatewayId, one]))
  return others.map(peer => byId.get(peer.gatewayId) ?? notWanted(peer))
}

/** What is to be done when a newcomer comes into a fleet; none for machines that cannot or need not know it. */
export const introductionWork = (
  others: readonly Peer[],
  { peer, files }: Pick<Newcomer, 'peer' | 'files'>,
  at: Date,
): readonly Work[] =>
  workWith(
    others.filter(other => isToMeet(other, peer)),
    { kind: 'introduce', about: peer.gatewayId, at, files },
  )

/** Can and must this machine and a newcomer know each other? */
export const isToMeet = (other: Peer, newcomer: Pick<Peer, 'gatewayId' | 'oneWay'>): boolean =>
  idKey(other.gatewayId) !== idKey(newcomer.gatewayId) &&
  hasGate(other) &&
  (watches(other) || watches(newcomer))

const notWanted = (peer: Peer): Introduction => ({
  gatewayId: peer.gatewayId,
  state: 'off',
  reason: hasGate(peer)
    ? 'one-way'
    : peer.legacyKey === undefined
      ? 'not enrolled with a clan key'
      : 'legacy',
  isReached: null,
  reaches: null,
})

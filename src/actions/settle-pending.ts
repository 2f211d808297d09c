import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { PendingItem } from '../fleet/pending.ts'
import { type OwnerFiles, tell } from './contact.ts'
import { type FleetDeps, introducePairs } from './introduce-pairs.ts'
import { type Attempt, failed, filesOf, replacedBy, settle, type Work } from './pending-work.ts'
import { tellEach } from './tell-fleet.ts'

/** When and with whom pending work is to be tried. */
export type Chance = {
  /** Is this machine there now? */
  readonly isThere: (id: GatewayId) => boolean
  readonly isDue: (item: PendingItem) => boolean
  /** Asked before each machine: false ends the run, the rest stays on the list. */
  readonly mayGoOn: () => boolean
  /** Instead of the files that were named when the work was ordered. */
  readonly files?: OwnerFiles
}

/** What became of one item; the keys are a public interface. */
export type Settled = {
  readonly kind: PendingItem['kind']
  readonly gatewayId: GatewayId
  readonly about: GatewayId
  readonly state: Attempt['state']
  readonly reason: string | null
}

/**
 * Do what waits for contact with machines that are there now, by the owner's own login. Items about machines that
 * are no longer enrolled are dropped.
 *
 * @returns what was tried
 * @throws {ClawError} `store-unavailable`
 */
export async function settlePending(deps: FleetDeps, chance: Chance): Promise<readonly Settled[]> {
  const works = await workThatStands(deps)
  const due = works.filter(({ item }) => chance.isThere(item.gatewayId) && chance.isDue(item))
  const orders = due.filter(({ item }) => item.kind !== 'introduce')
  const introductions = due.filter(({ item }) => item.kind === 'introduce' && chance.isThere(item.about))
  const settled: Settled[] = []
  for (const [, group] of Map.groupBy(orders, ({ item }) => item.gatewayId)) {
    settled.push(...(await carryOut(deps, group, chance)).map(settledOf))
  }
  for (const [, group] of Map.groupBy(introductions, ({ item }) => idKey(item.about))) {
    if (chance.mayGoOn()) settled.push(...(await introduceGroup(deps, group, chance.files)))
  }
  return settled
}

async function workThatStands({ store }: FleetDeps): Promise<readonly Work[]> {
  const [items, { peers }] = await Promise.all([store.pending(), store.peers()])
  if (items.length === 0) return []
  const known = new Map(peers.map(peer => [idKey(peer.gatewayId), peer]))
  const works = items.flatMap((item): readonly Work[] => {
    const peer = known.get(idKey(item.gatewayId))
    if (peer === undefined) return []
    const isVoid = item.kind === 'introduce' && !known.has(idKey(item.about))
    // An enrolment that was cut off may have put its work in the place of an order.
    const standing = isVoid ? replacedBy(item) : item
    return standing === undefined ? [] : [{ item: standing, peer }]
  })
  const standing = new Set(works.map(({ item }) => item.id))
  await store.removePending(items.map(({ id }) => id).filter(id => !standing.has(id)))
  return works
}

const settledOf = ({ work: { item }, state, reason }: Attempt): Settled => {
  const { kind, gatewayId, about } = item
  return { kind, gatewayId, about, state, reason }
}

/**
 * One machine's orders, in the sequence they were given: each is a login of its own. Where one cannot be made, the
 * rest is not waited for either.
 */
async function carryOut(
  deps: FleetDeps,
  works: readonly Work[],
  { mayGoOn, files }: Chance,
): Promise<readonly Attempt[]> {
  const attempts: Attempt[] = []
  for (const work of works) {
    if (!mayGoOn() || attempts.at(-1)?.state === 'pending') break
    attempts.push(...(await tellEach(deps, [work], { ...filesOf(work.item), ...files })))
  }
  return attempts
}

/** Everybody who has not met one machine yet. */
async function introduceGroup(
  deps: FleetDeps,
  works: readonly Work[],
  given: OwnerFiles | undefined,
): Promise<readonly Settled[]> {
  const [first] = works
  const peer = first === undefined ? undefined : await recordOf(deps, first.item.about)
  if (first === undefined || peer === undefined) return []
  const files = { ...filesOf(first.item), ...given }
  const at = new Map(works.map(work => [work.peer.gatewayId, work]))
  try {
    const answer = await tell(deps, peer, { document: { machines: [], forget: [] }, files })
    const made = await introducePairs(deps, { peer, answer, files }, { works, prove: false })
    return made.flatMap(({ gatewayId, state, reason }) => {
      const work = at.get(gatewayId)
      if (work === undefined || state === 'off') return []
      const outcome = state === 'introduced' ? 'done' : state
      return [settledOf({ work, state: outcome, reason, isAway: false })]
    })
  } catch (error) {
    const attempts = works.map(work => failed(work, error))
    await settle(deps, attempts)
    return attempts.map(settledOf)
  }
}

const recordOf = async ({ store }: FleetDeps, id: GatewayId): Promise<Peer | undefined> =>
  (await store.peers()).peers.find(peer => idKey(peer.gatewayId) === idKey(id))

import { hasGate } from '../fleet/acquaintance.ts'
import type { IntroductionRequest } from '../fleet/enrolment.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import { eachAtOnce, type OwnerFiles, tell } from './contact.ts'
import { forgetPeer } from './forget.ts'
import type { FleetDeps } from './introduce-pairs.ts'
import { type Attempt, attemptOf, failed, settle, type Work, workWith } from './pending-work.ts'
import { type RevokeDeps, revokePeer } from './revoke.ts'

/** What became of telling one machine; the keys are a public interface. */
export type Told = {
  readonly gatewayId: GatewayId
  readonly state: Attempt['state']
  readonly reason: string | null
}

/** What was taken away here, and who was told; the keys are a public interface. */
export type Departure = Awaited<ReturnType<typeof forgetPeer>> & {
  /** Every other machine enrolled here that has a gate of ours. */
  readonly told: readonly Told[]
  /** The machine itself; null when it is not told. */
  readonly itself: Told | null
}

export type DepartDeps = FleetDeps & RevokeDeps

/** Runs work when no other run of this home changes whom machines trust; at once when absent. */
type Turn = { readonly inTurn?: <R>(work: () => Promise<R>) => Promise<R> }

/**
 * Forget a machine here and on every other machine enrolled here, and let it forget them. Its record here goes last,
 * so that a run that was cut off can be run again.
 *
 * @throws {ClawError} `unknown-peer`; `store-unavailable`
 */
export async function forgetEverywhere(
  deps: DepartDeps & { readonly self: { readonly gatewayId: GatewayId } },
  given: GatewayId,
  files: OwnerFiles,
): Promise<Departure> {
  const { peers } = await deps.store.peers()
  const peer = peers.find(one => idKey(one.gatewayId) === idKey(given))
  if (peer === undefined) return { ...(await forgetPeer(deps, given)), told: [], itself: null }
  const others = othersOf(peers, given)
  const told = await tellAll(deps, { kind: 'forget', about: peer.gatewayId, others, files })
  const farewell = [deps.self.gatewayId, ...others.map(({ gatewayId }) => gatewayId)]
  const itself = hasGate(peer) ? await tellItself(deps, peer, { forget: farewell, files }) : null
  return { ...(await forgetPeer(deps, given)), told, itself }
}

/**
 * Revoke a machine here at once, then on every other machine enrolled here, which may have to wait for another run.
 * The machine itself is not talked to: it may be in other hands.
 *
 * @throws {ClawError} `unknown-peer`; `store-unavailable`
 */
export async function revokeEverywhere(
  deps: DepartDeps & Turn,
  given: GatewayId,
  files: OwnerFiles,
): Promise<Departure> {
  const { revocation: _kept, ...forgotten } = await revokePeer(deps, given)
  const others = othersOf((await deps.store.peers()).peers, given)
  const told = await tellAll(deps, { kind: 'revoke', about: forgotten.gatewayId, others, files })
  return { ...forgotten, told, itself: null }
}

const othersOf = (peers: readonly Peer[], id: GatewayId): readonly Peer[] =>
  peers.filter(peer => hasGate(peer) && idKey(peer.gatewayId) !== idKey(id)).toSorted(byLeadNumber)

type Order = {
  readonly kind: 'forget' | 'revoke'
  readonly about: GatewayId
  readonly others: readonly Peer[]
  readonly files: OwnerFiles
}

async function tellAll(
  deps: FleetDeps & Turn,
  { kind, about, others, files }: Order,
): Promise<readonly Told[]> {
  const { inTurn = work => work() } = deps
  const works = workWith(others, { kind, about, at: deps.clock.now(), files })
  await deps.store.addPending(works.map(({ item }) => item))
  const attempts = await inTurn(() => tellEach(deps, works, files))
  return attempts.map(({ work, state, reason }) => ({ gatewayId: work.peer.gatewayId, state, reason }))
}

/** Tell machines to forget or revoke others, as the list says; what is done goes off it. */
export async function tellEach(
  deps: FleetDeps,
  works: readonly Work[],
  files: OwnerFiles,
): Promise<readonly Attempt[]> {
  const revocations = await deps.store.revocations()
  const documentOf = ({ item: { kind, about } }: Work): IntroductionRequest => {
    if (kind === 'forget') return { machines: [], forget: [about] }
    const revoke = revocations.filter(({ gatewayId }) => idKey(gatewayId) === idKey(about))
    return { machines: [], forget: [], revoke }
  }
  let count = 0
  const attempts = await eachAtOnce(works, async work => {
    const attempt = await tellOne(deps, work, { document: documentOf(work), files })
    deps.onProgress(`told ${++count} of ${works.length} machines`)
    return attempt
  })
  await settle(deps, attempts)
  return attempts
}

async function tellOne(
  deps: FleetDeps,
  work: Work,
  what: { readonly document: IntroductionRequest; readonly files: OwnerFiles },
): Promise<Attempt> {
  try {
    return attemptOf(work, (await tell(deps, work.peer, what)).machines, work.item.about)
  } catch (error) {
    return failed(work, error)
  }
}

async function tellItself(
  deps: FleetDeps,
  peer: Peer,
  { forget, files }: { readonly forget: readonly GatewayId[]; readonly files: OwnerFiles },
): Promise<Told> {
  const [work] = workWith([peer], { kind: 'forget', about: peer.gatewayId, at: deps.clock.now(), files })
  if (work === undefined) throw new TypeError('one machine is one piece of work')
  try {
    await tell(deps, peer, { document: { machines: [], forget }, files })
    return { gatewayId: peer.gatewayId, state: 'done', reason: null }
  } catch (error) {
    return { gatewayId: peer.gatewayId, state: 'pending', reason: failed(work, error).reason }
  }
}

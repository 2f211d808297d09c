import { type Acquaintance, introductionTo, watches } from '../fleet/acquaintance.ts'
import type { IntroductionAnswer } from '../fleet/introduction-answer.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { liftedUpTo, type Revocation } from '../fleet/revocation.ts'
import { asOwner, eachAtOnce, loginTo, type OwnerFiles, tell } from './contact.ts'
import type { EnrolDeps, ReverseProof } from './enrolment.ts'
import { type Attempt, attemptOf, failed, settle, type Work } from './pending-work.ts'
import { proofsOf } from './prove-reverse.ts'

export type FleetDeps = Pick<
  EnrolDeps,
  'store' | 'clock' | 'fingerprint' | 'pinsOf' | 'asOperator' | 'onProgress'
>

/** A machine that was just enrolled here. */
export type Newcomer = {
  readonly peer: Peer
  /** What it said of itself. */
  readonly answer: IntroductionAnswer
  /** For the owner's login there, and where nothing else is known also elsewhere. */
  readonly files: OwnerFiles
}

/** What became of one pair of machines; the keys are a public interface. */
export type Introduction = {
  readonly gatewayId: GatewayId
  /** `pending`: on the list, done at next contact; `refused`: the owner must look; `off`: not wanted. */
  readonly state: 'introduced' | 'pending' | 'refused' | 'off'
  readonly reason: string | null
  /** Whether the newcomer's own program got an answer from it, and it one from the newcomer; null: not asked. */
  readonly isReached: ReverseProof | null
  readonly reaches: ReverseProof | null
}

/**
 * Make a machine and several others known to each other; the work is on the pending list already, and what is done
 * goes off it.
 *
 * @param prove  let both sides of each pair ask the other
 */
export async function introducePairs(
  deps: FleetDeps,
  newcomer: Newcomer,
  { works, prove }: { readonly works: readonly Work[]; readonly prove: boolean },
): Promise<readonly Introduction[]> {
  if (works.length === 0) return []
  const revocations = await deps.store.revocations()
  const { gatewayId } = newcomer.peer
  let count = 0
  const first = await eachAtOnce(works, async work => {
    const met = await tellOfNewcomer(deps, newcomer, { work, revocations })
    deps.onProgress(`introducing ${gatewayId}: told ${++count} of ${works.length} machines`)
    return met
  })
  deps.onProgress(`introducing ${gatewayId}: telling it of ${works.length} machines`)
  const attempts = await tellNewcomer(deps, newcomer, { first, revocations })
  await settle(deps, attempts)
  return prove ? proveAll(deps, newcomer, attempts) : attempts.map(attempt => introductionOf(attempt))
}

type Met = { readonly attempt: Attempt; readonly acquaintance: Acquaintance | undefined }
type Lifted = { readonly revocations: readonly Revocation[] }

/** Tell one machine of the newcomer, and learn its own clan key by the same login. */
async function tellOfNewcomer(
  deps: FleetDeps,
  newcomer: Newcomer,
  { work, revocations }: Lifted & { readonly work: Work },
): Promise<Met> {
  const { peer } = work
  const { files } = newcomer
  try {
    const introduced = introductionTo(peer, acquaintanceOf(deps, newcomer, revocations))
    const machines = introduced === undefined ? [] : [introduced]
    const revoke = liftedOf(revocations, newcomer.peer)
    const answer = await tell(deps, peer, { document: { machines, forget: [], revoke }, files })
    const attempt = attemptOf(work, answer.machines, work.item.about)
    return { attempt, acquaintance: acquaintanceOf(deps, { peer, answer, files }, revocations) }
  } catch (error) {
    return { attempt: failed(work, error), acquaintance: undefined }
  }
}

/**
 * Revocations of this id that are over. They go before the introduction: who had not heard of one still trusts the
 * keys it was about, and does not know that work any more, since the introduction took its place on the list.
 */
const liftedOf = (revocations: readonly Revocation[], { gatewayId }: Peer): readonly Revocation[] =>
  revocations.filter(one => one.liftedAt !== null && idKey(one.gatewayId) === idKey(gatewayId))

/** Tell the newcomer, by one login, of everybody who has been told of it. */
async function tellNewcomer(
  deps: FleetDeps,
  { peer, files }: Newcomer,
  { first }: Lifted & { readonly first: readonly Met[] },
): Promise<readonly Attempt[]> {
  const machines = first.flatMap(({ attempt, acquaintance }) => {
    if (attempt.state !== 'done' || acquaintance === undefined) return []
    return introductionTo(peer, acquaintance) ?? []
  })
  if (machines.length === 0) return first.map(({ attempt }) => attempt)
  try {
    const answer = await tell(deps, peer, { document: { machines, forget: [] }, files })
    return first.map(({ attempt }) =>
      attempt.state === 'done'
        ? attemptOf(attempt.work, answer.machines, attempt.work.item.gatewayId)
        : attempt,
    )
  } catch (error) {
    return first.map(({ attempt }) => (attempt.state === 'done' ? failed(attempt.work, error) : attempt))
  }
}

function acquaintanceOf(
  deps: FleetDeps,
  { peer, answer, files }: Newcomer,
  revocations: readonly Revocation[],
): Acquaintance {
  const { hostKey } = loginTo(deps, peer, files)
  const clanKey = deps.fingerprint(answer.clanPublicKey)
  const claimed = { gatewayId: peer.gatewayId, clanKey, hostKey: deps.fingerprint(hostKey) }
  return { peer, answer, hostKey, liftedUpTo: liftedUpTo(revocations, claimed) ?? undefined }
}

/** Let both sides of every pair ask each other, all at once. */
async function proveAll(
  deps: FleetDeps,
  newcomer: Newcomer,
  attempts: readonly Attempt[],
): Promise<readonly Introduction[]> {
  const { peer, files } = newcomer
  const met = attempts.filter(({ state }) => state === 'done').map(({ work }) => work.peer)
  const at = ({ gatewayId, ip, sshPort }: Peer) => ({ gatewayId, at: { ip, sshPort } })
  deps.onProgress(`having ${peer.gatewayId} and ${met.length} machines ask each other`)
  const ask = (asker: Peer, targets: readonly Peer[]) =>
    watches(asker)
      ? proofsOf(step => asOwner(deps, asker, { step, files }), asker.gatewayId, targets.map(at))
      : targets.map(() => ONE_WAY)
  const [there, back] = await Promise.all([
    ask(peer, met),
    eachAtOnce(met, async other => (await ask(other, [peer]))[0] ?? null),
  ])
  const place = new Map(met.map((other, index) => [other.gatewayId, index]))
  return attempts.map(attempt => {
    const index = place.get(attempt.work.peer.gatewayId)
    return index === undefined
      ? introductionOf(attempt)
      : introductionOf(attempt, there[index] ?? null, back[index] ?? null)
  })
}

const ONE_WAY: ReverseProof = { outcome: 'off', reason: 'one-way', next: null }

const introductionOf = (
  { work, state, reason }: Attempt,
  isReached: ReverseProof | null = null,
  reaches: ReverseProof | null = null,
): Introduction => ({
  gatewayId: work.peer.gatewayId,
  state: state === 'done' ? 'introduced' : state,
  ...{ reason, isReached, reaches },
})

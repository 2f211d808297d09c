import { idKey } from '../fleet/parse.ts'
import { isDue } from '../fleet/pending.ts'
import { enrolPeer } from './enrol.ts'
import type { EnrolDeps, Enrolment, EnrolRequest } from './enrolment.ts'
import { introduceToFleet } from './introduce-fleet.ts'
import type { Introduction } from './introduce-pairs.ts'
import { settlePending } from './settle-pending.ts'

/** An enrolment, and what became of making the machine known to all others. */
export type Added = Enrolment & { readonly introductions: readonly Introduction[] }

/**
 * Enrol a machine and introduce it to the whole fleet; then do what else waits for the machines that were just
 * reached, while the owner's login works.
 *
 * @param pingIntervalMinutes  what was tried in vain is tried again no sooner than that
 * @throws {ClawError} as `enrolPeer`; once the machine is enrolled only `store-unavailable`
 */
export async function addMachine(
  deps: EnrolDeps,
  request: EnrolRequest,
  pingIntervalMinutes: number,
): Promise<Added> {
  const enrolment = await enrolPeer(deps, request)
  const { newcomer, peer } = enrolment
  if (newcomer === null) return { ...enrolment, introductions: [] }
  const introductions = await introduceToFleet(deps, newcomer)
  const met = introductions.filter(({ state }) => state === 'introduced').map(({ gatewayId }) => gatewayId)
  const there = new Set([peer.gatewayId, ...met].map(idKey))
  const now = deps.clock.now()
  await settlePending(deps, {
    isThere: id => there.has(idKey(id)),
    isDue: item => isDue(item, now, pingIntervalMinutes),
    mayGoOn: () => true,
  })
  return { ...enrolment, introductions }
}

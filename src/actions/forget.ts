import { type GatewayId, idKey } from '../fleet/parse.ts'
import { findPeer } from '../fleet/peer.ts'
import type { PendingItem } from '../fleet/pending.ts'
import type { AdmitDeps } from './admit.ts'

export type ForgetDeps = Pick<AdmitDeps, 'store' | 'clock' | 'pinsOf' | 'unpinHost' | 'withdraw'>

/** What was taken away; the keys are a public interface. */
export type Forgotten = {
  readonly gatewayId: GatewayId
  /** Its right to reach our gate. */
  readonly authorizedKey: boolean
  readonly hostKey: boolean
  readonly record: boolean
}

/**
 * Forget a peer: it may no longer reach us, we no longer reach it. Its right goes first, so a run that is cut off
 * leaves less trust than before, never more; run again, it takes away the rest.
 *
 * @throws {ClawError} `unknown-peer` when there was nothing to take away, unless `mayBeUnknown`
 */
export async function forgetPeer(
  deps: ForgetDeps,
  given: GatewayId,
  { mayBeUnknown = false } = {},
): Promise<Forgotten> {
  const { peers } = await deps.store.peers()
  const id = peers.find(peer => idKey(peer.gatewayId) === idKey(given))?.gatewayId ?? given
  const authorizedKey = await deps.withdraw(id)
  const hostKey = await deps.unpinHost(id)
  const record = await removeRecord(deps, id)
  await dropWork(deps.store, id)
  if (!authorizedKey && !hostKey && !record && !mayBeUnknown) findPeer(peers, given) // throws: it is not there
  return { gatewayId: id, authorizedKey, hostKey, record }
}

/** Remove a peer's record and say so in the events. @returns false when there was none */
export async function removeRecord(
  { store, clock }: Pick<AdmitDeps, 'store' | 'clock'>,
  gatewayId: GatewayId,
) {
  const removed = await store.removePeer(gatewayId)
  const timestamp = clock.now().toISOString()
  if (removed) await store.recordEvents([{ timestamp, event: 'peer_removed', gatewayId, data: {} }])
  return removed
}

/** What waits to be done with a machine that is no longer known need not be done; others are still to forget it. */
async function dropWork(store: AdmitDeps['store'], id: GatewayId): Promise<void> {
  const isVoid = ({ kind, gatewayId, about }: PendingItem) =>
    idKey(gatewayId) === idKey(id) || (kind === 'introduce' && idKey(about) === idKey(id))
  await store.removePending((await store.pending()).filter(isVoid).map(item => item.id))
}

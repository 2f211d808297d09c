import { type GatewayId, idKey } from '../fleet/parse.ts'
import { findPeer, type Peer } from '../fleet/peer.ts'
import { inForce, type Revocation } from '../fleet/revocation.ts'
import type { AdmitDeps } from './admit.ts'
import { type Forgotten, forgetPeer } from './forget.ts'

export type RevokeDeps = Pick<
  AdmitDeps,
  'store' | 'clock' | 'fingerprint' | 'pinsOf' | 'unpinHost' | 'withdraw'
>

export type Revoked = Forgotten & { readonly revocation: Revocation }

/**
 * Forget a peer and bar its return: an introduction of its id, clan key or host key is refused here from now on,
 * until the owner adds it. The bar comes first, so that nothing can come back between.
 *
 * @throws {ClawError} `unknown-peer` for a machine nothing is known of
 */
export async function revokePeer(deps: RevokeDeps, given: GatewayId): Promise<Revoked> {
  const { store, clock, pinsOf, fingerprint } = deps
  const { peers } = await store.peers()
  const peer = peers.find(one => idKey(one.gatewayId) === idKey(given))
  const held = inForce(await store.revocations()).find(one => idKey(one.gatewayId) === idKey(given))
  const [pin] = pinsOf(given)
  if (peer === undefined && pin === undefined && held === undefined) findPeer(peers, given) // throws
  const pinned = pin === undefined ? null : fingerprint(pin)
  const revocation = held ?? revocationOf(peer, { gatewayId: given, pinned, at: clock.now() })
  return carryOut(deps, revocation, held === undefined)
}

/**
 * Do as another machine's owner ordered there.
 *
 * @returns false when the owner has added the machine again since
 */
export async function revokeAsTold(deps: RevokeDeps, told: Revocation): Promise<boolean> {
  const { peers } = await deps.store.peers()
  const known = (await deps.store.revocations()).find(one => idKey(one.gatewayId) === idKey(told.gatewayId))
  if (known !== undefined && known.liftedAt !== null && known.revokedAt >= told.revokedAt) return false
  const peer = peers.find(one => idKey(one.gatewayId) === idKey(told.gatewayId))
  const { clanKey = peer?.clanKey ?? null, hostKey = peer?.hostKey ?? null } = withoutNulls(told)
  await carryOut(deps, { ...told, clanKey, hostKey }, known?.revokedAt !== told.revokedAt)
  return true
}

async function carryOut(deps: RevokeDeps, revocation: Revocation, isNew: boolean): Promise<Revoked> {
  const { gatewayId, revokedAt: timestamp, clanKey, hostKey } = revocation
  await deps.store.saveRevocations([revocation])
  const forgotten = await forgetPeer(deps, gatewayId, { mayBeUnknown: true })
  if (isNew) {
    const event = { timestamp, event: 'peer_revoked', gatewayId, data: { clanKey, hostKey } } as const
    await deps.store.recordEvents([event])
  }
  return { ...forgotten, revocation }
}

type Order = { readonly gatewayId: GatewayId; readonly pinned: string | null; readonly at: Date }

const revocationOf = (peer: Peer | undefined, { gatewayId, pinned, at }: Order): Revocation => ({
  gatewayId: peer?.gatewayId ?? gatewayId,
  clanKey: peer?.clanKey ?? null,
  hostKey: peer?.hostKey ?? pinned,
  incarnation: peer?.incarnation ?? null,
  revokedAt: at.toISOString(),
  liftedAt: null,
})

const withoutNulls = ({ clanKey, hostKey }: Revocation) => ({
  ...(clanKey === null ? {} : { clanKey }),
  ...(hostKey === null ? {} : { hostKey }),
})

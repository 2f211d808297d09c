import { type GatewayId, idKey } from '../fleet/parse.ts'
import { findPeer, type Peer } from '../fleet/peer.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import { inForce, type Revocation } from '../fleet/revocation.ts'
import type { AdmitDeps } from './admit.ts'
import { type Forgotten, forgetPeer } from './forget.ts'

export type RevokeDeps = Pick<
  AdmitDeps,
  'store' | 'clock' | 'fingerprint' | 'pinsOf' | 'unpinHost' | 'grantOf' | 'withdraw'
>

export type Revoked = Forgotten & { readonly revocation: Revocation }

/**
 * Forget a peer and bar its return: an introduction of its id, clan key or host key is refused here from now on,
 * until the owner adds it. The bar comes first, so that nothing can come back between.
 *
 * @throws {ClawError} `unknown-peer` for a machine nothing is known of
 */
export async function revokePeer(deps: RevokeDeps, given: GatewayId): Promise<Revoked> {
  const { store, clock, pinsOf, grantOf, fingerprint } = deps
  const { peers } = await store.peers()
  const peer = peers.find(one => idKey(one.gatewayId) === idKey(given))
  const held = inForce(await store.revocations()).find(one => idKey(one.gatewayId) === idKey(given))
  const keys = { pinned: pinsOf(given)[0], granted: await grantOf(given) }
  // A machine we cannot reach is no peer, and may look at us all the same.
  const isKnown = [peer, held, keys.pinned, keys.granted].some(one => one !== undefined)
  if (!isKnown) findPeer(peers, given) // throws
  const printOf = (key: PublicKey | undefined) => (key === undefined ? null : fingerprint(key))
  const found = { hostKey: printOf(keys.pinned), clanKey: printOf(keys.granted) }
  const revocation = held ?? revocationOf(peer, { gatewayId: given, ...found, at: clock.now() })
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

type Order = Pick<Revocation, 'gatewayId' | 'clanKey' | 'hostKey'> & { readonly at: Date }

const revocationOf = (peer: Peer | undefined, { gatewayId, clanKey, hostKey, at }: Order): Revocation => ({
  gatewayId: peer?.gatewayId ?? gatewayId,
  clanKey: peer?.clanKey ?? clanKey,
  hostKey: peer?.hostKey ?? hostKey,
  incarnation: peer?.incarnation ?? null,
  revokedAt: at.toISOString(),
  liftedAt: null,
})

const withoutNulls = ({ clanKey, hostKey }: Revocation) => ({
  ...(clanKey === null ? {} : { clanKey }),
  ...(hostKey === null ? {} : { hostKey }),
})

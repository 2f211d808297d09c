import { idKey } from '../fleet/parse.ts'
import { findPeer, type Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import type { AdmitDeps } from './admit.ts'
import type { EnrolDeps } from './enrolment.ts'
import { type VouchDeps, type Vouched, type Vouching, vouchedHostKey } from './vouch.ts'

export type TrustDeps = Pick<AdmitDeps, 'store' | 'clock' | 'pinsOf' | 'pinHostKey'> &
  VouchDeps &
  Pick<EnrolDeps, 'probe'>

export type Trusted = {
  readonly peer: Peer
  readonly hostKeyBy: Vouched['by']
  /** `replaced`: another key was pinned before. */
  readonly pin: 'added' | 'replaced' | 'unchanged'
  /** Fingerprint of the key that was pinned before; null when there was none. */
  readonly previous: string | null
  /** What the clan key got as an answer afterwards. */
  readonly outcome: ProbeOutcome
}

/**
 * Pin the host key of an enrolled peer, for the first time (a home taken over from the bash version) or anew
 * (the machine was reinstalled); then ask the peer with the clan key, so that the owner sees what is still missing.
 *
 * @throws {ClawError} `unknown-peer`; `host-key-unknown` naming the flags when nobody vouches
 */
export async function trustHostKey(deps: TrustDeps, id: string, vouching: Vouching): Promise<Trusted> {
  const { store, clock, fingerprint } = deps
  const known = findPeer((await store.peers()).peers, id)
  const { gatewayId, ip: host, sshPort: port } = known
  const pinned = deps.pinsOf(gatewayId)
  const { key, by } = await vouchedHostKey(deps, {
    ...vouching,
    host,
    port,
    pinned,
    gatewayId,
    mayReplace: true,
  })
  const pin = by === 'pinned' ? 'unchanged' : pinned.length === 0 ? 'added' : 'replaced'
  const previous = pinned[0] === undefined ? null : fingerprint(pinned[0])
  if (pin !== 'unchanged') await deps.pinHostKey({ gatewayId, host, port }, key)
  const timestamp = clock.now().toISOString()
  const data = { from: previous, to: fingerprint(key) }
  await store.commitRound(peers => ({
    peers: peers
      .filter(peer => idKey(peer.gatewayId) === idKey(gatewayId))
      .map(peer => trusted(peer, key, deps)),
    events: pin === 'replaced' ? [{ timestamp, event: 'host_key_changed', gatewayId, data }] : [],
  }))
  const peer = trusted(known, key, deps)
  return { peer, hostKeyBy: by, pin, previous, outcome: await deps.probe(peer, key) }
}

/** The reason of the last miss goes when it was the host key; the next round finds the standing. */
function trusted({ reason, ...peer }: Peer, key: PublicKey, { fingerprint }: TrustDeps): Peer {
  const isAboutKey = reason === 'host-key-changed' || reason === 'no-host-key'
  const kept = reason === undefined || isAboutKey ? {} : { reason }
  return { ...peer, ...kept, hostKey: fingerprint(key) }
}

import type { IntroduceDeps } from '../../src/actions/introduce.ts'
import type { TrustDeps } from '../../src/actions/trust.ts'
import type { Introduced } from '../../src/fleet/enrolment.ts'
import { idKey } from '../../src/fleet/parse.ts'
import type { Peer } from '../../src/fleet/peer.ts'
import type { PublicKey } from '../../src/fleet/public-key.ts'
import { ackOf, anIdentity, id } from './builders.ts'
import { storeOf } from './memory-store.ts'
import { aKey, fingerprintOf } from './public-keys.ts'

/** The time on the machine that listens. */
export const now = new Date('2026-11-20T12:00:00Z')
/** Host key of the machine it is told of. */
export const hostKey = aKey('host of studio')

/** Another machine, as it is introduced. */
export const studio = (facts: Partial<Introduced> = {}): Introduced => ({
  ...{ gatewayId: id('studio'), name: 'Studio', leadNumber: 2, sshUser: 'claw', version: '2.0.0' },
  clanPublicKey: aKey('studio'),
  reach: { ip: '10.0.0.2', sshPort: 22, hostKey },
  ...facts,
})

/** The machine "mini" that is told of others, with all it keeps open for assertions. */
export function worldOf(peers: readonly Peer[] = [], more: Partial<IntroduceDeps> = {}) {
  const store = storeOf(peers)
  const pins = new Map<string, readonly PublicKey[]>(peers.map(peer => [idKey(peer.gatewayId), [hostKey]]))
  const granted = new Map<string, PublicKey>()
  const deps: IntroduceDeps & TrustDeps = {
    self: anIdentity(),
    store,
    clock: { now: () => now },
    clanKey: aKey('mini'),
    fingerprint: fingerprintOf,
    ownHostKey: async () => aKey('host of mini'),
    pinsOf: one => pins.get(idKey(one)) ?? [],
    pinHostKey: async ({ gatewayId }, key) => void pins.set(idKey(gatewayId), [key]),
    unpinHost: async one => pins.delete(idKey(one)),
    grant: async (one, key) => {
      const before = granted.get(one)
      granted.set(one, key)
      return before === undefined ? 'added' : before.base64 === key.base64 ? 'unchanged' : 'replaced'
    },
    grantOf: async one => granted.get(one),
    withdraw: async one => granted.delete(one),
    offeredHostKey: async () => hostKey,
    knownHostKeys: async () => [],
    probe: async peer => ackOf(peer),
    ...more,
  }
  return { deps, state: store.state, pins, granted }
}

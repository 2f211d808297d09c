import { describe, expect, test } from 'vitest'
import { checkSsh, nextStep } from '../../../src/actions/check-ssh.ts'
import { forgetPeer } from '../../../src/actions/forget.ts'
import { introduce } from '../../../src/actions/introduce.ts'
import { type TrustDeps, trustHostKey } from '../../../src/actions/trust.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import { type PendingItem, pendingId } from '../../../src/fleet/pending.ts'
import { ackOf, aPeer, id, miss } from '../../support/builders.ts'
import { hostKey, now, studio, worldOf } from '../../support/listener.ts'
import { aKey, fingerprintOf } from '../../support/public-keys.ts'

describe('introduce()', () => {
  test('without machines says who this machine is and changes nothing', async () => {
    const { deps, state } = worldOf()

    const answer = await introduce(deps, { machines: [], forget: [] })

    expect(answer).toMatchObject({
      gatewayId: 'mini',
      clanPublicKey: aKey('mini'),
      hostKeys: [aKey('host of mini')],
      machines: [],
    })
    expect([state.peers, state.events]).toEqual([[], []])
  })

  test('enrols the machines given, not yet probed, each with its key, pin, record and event', async () => {
    const { deps, state, pins, granted } = worldOf()

    const { machines } = await introduce(deps, {
      machines: [studio(), studio({ gatewayId: id('attic') })],
      forget: [],
    })

    expect(machines.map(({ gatewayId, result }) => [gatewayId, result])).toEqual([
      ['studio', 'added'],
      ['attic', 'added'],
    ])
    expect(state.peers[0]).toMatchObject({
      gatewayId: 'studio',
      status: 'unknown',
      ip: '10.0.0.2',
      hostKey: fingerprintOf(hostKey),
    })
    expect([...granted.keys(), ...pins.keys()]).toEqual(['studio', 'attic', 'studio', 'attic'])
    expect(state.events.map(({ event }) => event)).toEqual(['peer_added', 'peer_added'])
  })

  test('twice is the same as once', async () => {
    const { deps, state } = worldOf()
    await introduce(deps, { machines: [studio()], forget: [] })
    const before = state.peers

    const { machines } = await introduce(deps, { machines: [studio()], forget: [] })

    expect(machines[0]?.result).toBe('unchanged')
    expect(state.peers).toEqual(before)
    expect(state.events).toHaveLength(1)
  })

  test('lets a machine that cannot be reached look, and makes it no peer', async () => {
    const { deps, state, pins, granted } = worldOf()

    await introduce(deps, { machines: [studio({ reach: null })], forget: [] })

    expect([state.peers.length, pins.size, granted.size]).toEqual([0, 0, 1])
  })

  test('no longer watches a machine that is introduced again as one it cannot reach', async () => {
    const { deps, state, pins, granted } = worldOf()
    await introduce(deps, { machines: [studio()], forget: [] })

    const { machines } = await introduce(deps, { machines: [studio({ reach: null })], forget: [] })

    expect(machines[0]?.result).toBe('updated')
    expect([state.peers.length, pins.size, granted.size]).toEqual([0, 0, 1])
    expect(state.events.at(-1)).toMatchObject({ event: 'peer_removed', gatewayId: 'studio' })
  })

  test('gives no right to a machine whose older pin cannot be taken away', async () => {
    const { deps, granted } = worldOf([], {
      unpinHost: async () => Promise.reject(new ClawError('store-unavailable', 'full')),
    })

    const { machines } = await introduce(deps, { machines: [studio({ reach: null })], forget: [] })

    expect(machines[0]).toMatchObject({ result: 'refused', reason: 'full' })
    expect(granted.size).toBe(0)
  })

  test('refuses one machine with its reason and enrols the others', async () => {
    const { deps, state, granted } = worldOf([aPeer({ gatewayId: id('studio') })])
    const impostor = studio({ reach: { ip: '10.0.0.66', sshPort: 22, hostKey: aKey('impostor') } })

    const { machines } = await introduce(deps, {
      machines: [impostor, studio({ gatewayId: id('MINI') }), studio({ gatewayId: id('attic') })],
      forget: [],
    })

    expect(machines).toEqual([
      {
        gatewayId: 'studio',
        result: 'refused',
        reason: expect.stringMatching(/SHA256:.*pinned.*SHA256:.*; on mini: .*claw-setup-ssh trust studio/),
      },
      { gatewayId: 'MINI', result: 'refused', reason: expect.stringContaining('own id') },
      { gatewayId: 'attic', result: 'added', reason: null },
    ])
    expect(state.peers[0]).toMatchObject({ ip: '10.0.0.2' })
    expect([...granted.keys()]).toEqual(['attic'])
  })

  test('takes back what it began when one machine cannot be stored', async () => {
    const { deps, granted, pins } = worldOf()
    const store = {
      ...deps.store,
      commitRound: async () => Promise.reject(new ClawError('store-unavailable', 'full')),
    }

    const { machines } = await introduce({ ...deps, store }, { machines: [studio()], forget: [] })

    expect(machines[0]).toMatchObject({ result: 'refused', reason: 'full' })
    expect([granted.size, pins.size]).toEqual([0, 0])
  })

  test('forgets again what an unfinished enrolment had begun, and what it never knew', async () => {
    const { deps, state, granted } = worldOf()
    await introduce(deps, { machines: [studio()], forget: [] })

    const { machines } = await introduce(deps, { machines: [], forget: [id('studio'), id('nobody')] })

    expect(machines.map(({ result }) => result)).toEqual(['forgotten', 'forgotten'])
    expect([state.peers.length, granted.size]).toEqual([0, 0])
  })
})

describe('a machine that is introduced one-way', () => {
  test('is watched, gets no right to look, and keeps what is said of it', async () => {
    const { deps, state, granted } = worldOf()

    await introduce(deps, {
      machines: [studio({ oneWay: true, mayBeAway: true, incarnation: 3 })],
      forget: [],
    })

    expect(granted.size).toBe(0)
    expect(state.peers[0]).toMatchObject({ oneWay: true, mayBeAway: true, incarnation: 3 })
  })
})

describe('forgetPeer()', () => {
  test('drops the work that waited for the machine, and keeps what others are still to be told of it', async () => {
    const { deps, state } = worldOf([aPeer()])
    const item = (kind: PendingItem['kind'], gatewayId: string, about: string): PendingItem => ({
      ...{
        id: pendingId(id(gatewayId), id(about)),
        kind,
        gatewayId: id(gatewayId),
        about: id(about),
        data: {},
      },
      ...{ createdAt: now.toISOString(), tries: 0, lastTriedAt: null, lastError: null },
    })
    state.pending = [
      ...[item('introduce', 'Studio', 'attic'), item('forget', 'studio', 'old')],
      ...[item('introduce', 'attic', 'studio'), item('revoke', 'vps', 'studio')],
    ]

    await forgetPeer(deps, id('studio'))

    expect(state.pending.map(one => one.id)).toEqual(['vps/studio'])
  })

  test('removes right, pin and record, whatever the case of the id, and records it', async () => {
    const { deps, state, pins, granted } = worldOf()
    await introduce(deps, { machines: [studio()], forget: [] })

    const forgotten = await forgetPeer(deps, id('STUDIO'))

    expect(forgotten).toEqual({ gatewayId: 'studio', authorizedKey: true, hostKey: true, record: true })
    expect([state.peers.length, pins.size, granted.size]).toEqual([0, 0, 0])
    expect(state.events.at(-1)).toMatchObject({ event: 'peer_removed', gatewayId: 'studio' })
  })

  test('names the nearest id for one it does not know', async () => {
    const { deps } = worldOf([aPeer()])

    await expect(forgetPeer(deps, id('studoi'))).rejects.toMatchObject({
      code: 'unknown-peer',
      hint: expect.stringContaining('studio'),
    })
  })

  test('leaves the record when the right to reach us cannot be withdrawn', async () => {
    const { deps, state } = worldOf([aPeer()], {
      withdraw: async () => Promise.reject(new ClawError('busy', 'x')),
    })

    await expect(forgetPeer(deps, id('studio'))).rejects.toMatchObject({ code: 'busy' })
    expect(state.peers).toHaveLength(1)
  })
})

describe('trustHostKey()', () => {
  test('pins a peer taken over from the bash version, and says what the clan key got', async () => {
    const { deps, state, pins } = worldOf([aPeer({ reason: 'no-host-key' })], {})
    pins.clear()

    const result = await trustHostKey({ ...deps, probe: async () => miss }, 'studio', { acceptNew: true })

    expect(result).toMatchObject({
      pin: 'added',
      previous: null,
      hostKeyBy: '--accept-new-host-key',
      outcome: miss,
    })
    expect(pins.get('studio')).toEqual([hostKey])
    expect(state.peers[0]).toMatchObject({ hostKey: fingerprintOf(hostKey) })
    expect(state.peers[0]).not.toHaveProperty('reason')
  })

  test('replaces the pin of a reinstalled machine only for the key the owner named, and records both', async () => {
    const renewed = aKey('renewed')
    const { deps, state, pins } = worldOf([aPeer()], {})
    const changed: TrustDeps = { ...deps, offeredHostKey: async () => renewed }

    await expect(trustHostKey(changed, 'studio', {})).rejects.toMatchObject({ code: 'host-key-unknown' })
    expect(pins.get('studio')).toEqual([hostKey])

    const result = await trustHostKey(changed, 'STUDIO', { hostKey: fingerprintOf(renewed) })
    expect(result).toMatchObject({ pin: 'replaced', previous: fingerprintOf(hostKey) })
    expect(pins.get('studio')).toEqual([renewed])
    expect(state.events).toMatchObject([
      { event: 'host_key_changed', data: { from: fingerprintOf(hostKey), to: fingerprintOf(renewed) } },
    ])
  })

  test('changes nothing for a key that is pinned already', async () => {
    const { deps, state } = worldOf([aPeer()])

    expect(await trustHostKey(deps, 'studio', {})).toMatchObject({ pin: 'unchanged' })
    expect(state.events).toEqual([])
  })

  test('knows no stranger', async () => {
    await expect(trustHostKey(worldOf().deps, 'studio', {})).rejects.toMatchObject({ code: 'unknown-peer' })
  })
})

test('checkSsh() asks every peer and names a next step for each that did not answer', async () => {
  const peers = [aPeer({ gatewayId: id('b'), leadNumber: 9 }), aPeer({ gatewayId: id('a'), leadNumber: 1 })]
  const { deps } = worldOf(peers)
  const probe = async (peer: Peer) => (peer.gatewayId === 'a' ? ackOf(peer) : miss)

  const checked = await checkSsh({ store: deps.store, probe, onProgress: () => undefined })

  expect(checked).toMatchObject([
    { gatewayId: 'a', outcome: 'ack', next: null },
    {
      gatewayId: 'b',
      outcome: 'miss',
      reason: 'host-unreachable',
      next: expect.stringContaining('claw-discover'),
    },
  ])
  expect(nextStep(aPeer({ sshPort: 2222 }), 'auth-denied')).toContain(
    'claw-setup-ssh add claw 10.0.0.2 --port 2222',
  )
})

import { expect, test } from 'vitest'
import { MAX_LOGINS, type PingDeps, pingFleet } from '../../../src/actions/ping.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import type { ProbeOutcome } from '../../../src/fleet/probe.ts'
import { ackOf, anIdentity, aPeer, id, miss } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'

const now = new Date('2026-11-20T12:00:00Z')

function depsOf(
  peers: readonly Peer[],
  probe: (peer: Peer) => ProbeOutcome | Promise<ProbeOutcome>,
  more: Partial<PingDeps> = {},
) {
  const store = storeOf(peers)
  const deps: PingDeps = {
    self: anIdentity({ leadNumber: 9 }),
    store,
    clock: { now: () => now, monotonicMs: () => 0 },
    settings: { offlineThresholdPings: 2 },
    probe: async peer => probe(peer),
    ownNetworkFails: async () => false,
    onProgress: () => undefined,
    ...more,
  }
  return { deps, state: store.state }
}

const named = (name: string, facts: Partial<Peer> = {}) => aPeer({ gatewayId: id(name), ...facts })

test('pingFleet() records acks and misses of one round and lists peers by lead number', async () => {
  const { deps, state } = depsOf([named('b', { leadNumber: 4 }), named('a', { leadNumber: 2 })], peer =>
    peer.gatewayId === 'a' ? ackOf(peer) : miss,
  )

  const result = await pingFleet(deps)

  expect(result.peers.map(({ gatewayId, outcome, status }) => [gatewayId, outcome, status])).toEqual([
    ['a', 'ack', 'online'],
    ['b', 'miss', 'unresponsive'],
  ])
  expect(state.peers.map(peer => peer.status)).toEqual(['unresponsive', 'online'])
  expect(result.leader).toBe('a')
})

test('pingFleet() keeps going when one probe is slow, and never has more than 32 logins under way', async () => {
  let running = 0
  let most = 0
  const peers = Array.from({ length: 80 }, (_, i) => named(`p${i}`))
  const { deps } = depsOf(peers, async peer => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
    return ackOf(peer)
  })

  const result = await pingFleet(deps)

  expect(result.peers).toHaveLength(80)
  expect(most).toBe(MAX_LOGINS)
})

test('peers that answered last time are asked before the ones that missed', async () => {
  const asked: string[] = []
  const { deps } = depsOf([named('dead', { missedPings: 7 }), named('alive')], peer => {
    asked.push(peer.gatewayId)
    return ackOf(peer)
  })

  await pingFleet(deps)

  expect(asked).toEqual(['alive', 'dead'])
})

test('a round in which everybody missed changes no standing when our own network fails', async () => {
  const { deps, state } = depsOf(
    [named('a', { status: 'online' }), named('b', { status: 'online' })],
    () => miss,
    {
      ownNetworkFails: async () => true,
    },
  )

  const result = await pingFleet(deps)

  expect(result.selfSuspect).toBe(true)
  expect(state.peers.every(peer => peer.status === 'online' && peer.missedPings === 0)).toBe(true)
  expect(state.events.map(event => event.event)).toContain('self_suspect')
})

test('our own network is not asked while anybody answers', async () => {
  const { deps } = depsOf([named('a'), named('b')], peer => (peer.gatewayId === 'a' ? ackOf(peer) : miss), {
    ownNetworkFails: async () => {
      throw new Error('asked')
    },
  })

  expect((await pingFleet(deps)).selfSuspect).toBe(false)
})

test('the verdict is folded into the record as it stands when the round ends', async () => {
  const { deps, state } = depsOf([named('a', { status: 'unresponsive', missedPings: 1 })], peer => {
    state.peers = state.peers.map(stored => ({ ...stored, missedPings: 0, status: 'online' as const }))
    return peer.gatewayId === 'a' ? miss : ackOf(peer)
  })

  await pingFleet(deps)

  expect(state.peers[0]).toMatchObject({ missedPings: 1, status: 'unresponsive' })
})

test('events name what changed, and a change of leader comes after its cause', async () => {
  const leader = named('boss', { leadNumber: 1, status: 'unresponsive', missedPings: 1 })
  const { deps, state } = depsOf([leader, named('b', { leadNumber: 3, status: 'online' })], peer =>
    peer.gatewayId === 'boss' ? miss : ackOf(peer),
  )
  state.run = { program: 'claw-ping', startedAt: '', finishedAt: '', result: { leader: 'boss' } }

  await pingFleet(deps)

  expect(state.events.map(({ event, gatewayId, data }) => ({ event, gatewayId, data }))).toEqual([
    { event: 'offline', gatewayId: 'boss', data: { reason: 'host-unreachable', missedPings: 2 } },
    { event: 'leader_change', gatewayId: undefined, data: { from: 'boss', to: 'b' } },
  ])
})

test('a changed host key is an event once, not in every round', async () => {
  const changed: ProbeOutcome = { kind: 'miss', reason: 'host-key-changed', detail: 'pinned A, offered B' }
  const { deps, state } = depsOf([named('a', { status: 'online' })], () => changed)

  await pingFleet(deps)
  await pingFleet(deps)

  expect(state.events.filter(event => event.event === 'host_key_changed')).toHaveLength(1)
  expect(state.peers[0]?.reason).toBe('host-key-changed')
})

test('--only probes the named peers regardless of case and leaves the others as they are', async () => {
  const { deps, state } = depsOf([named('a'), named('b')], ackOf)

  const result = await pingFleet(deps, ['A'])

  expect(result.peers.map(peer => peer.gatewayId)).toEqual(['a'])
  expect(state.peers.map(peer => peer.status)).toEqual(['online', 'unknown'])
})

test('an unknown id names the nearest known ones', async () => {
  const { deps } = depsOf([named('studio'), named('laptop')], ackOf)

  await expect(pingFleet(deps, ['studoi'])).rejects.toMatchObject({
    code: 'unknown-peer',
    hint: expect.stringContaining('studio'),
  })
})

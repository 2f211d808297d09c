import { expect, test } from 'vitest'
import { isSelfSuspect, judge } from '../../../src/fleet/health.ts'
import { ackOf, aPeer, id, miss, unmade } from '../../support/builders.ts'

const at = new Date('2026-11-20T12:00:00Z')
const outcomes = { miss, unmade, ack: ackOf(aPeer()) }

test.each([
  { was: 'unknown', missed: 0, outcome: 'ack', change: 'none', status: 'online', missedPings: 0 },
  { was: 'unknown', missed: 0, outcome: 'miss', change: 'suspected', status: 'unresponsive', missedPings: 1 },
  { was: 'online', missed: 0, outcome: 'miss', change: 'suspected', status: 'unresponsive', missedPings: 1 },
  {
    was: 'unresponsive',
    missed: 1,
    outcome: 'miss',
    change: 'went-offline',
    status: 'offline',
    missedPings: 2,
  },
  {
    was: 'unresponsive',
    missed: 1,
    outcome: 'unmade',
    change: 'none',
    status: 'unresponsive',
    missedPings: 1,
  },
  { was: 'unresponsive', missed: 1, outcome: 'ack', change: 'none', status: 'online', missedPings: 0 },
  { was: 'offline', missed: 9, outcome: 'miss', change: 'none', status: 'offline', missedPings: 10 },
  { was: 'offline', missed: 9, outcome: 'ack', change: 'recovered', status: 'online', missedPings: 0 },
] as const)('judge(): $was with $missed missed, then $outcome: $change', row => {
  const peer = aPeer({ status: row.was, missedPings: row.missed })

  const verdict = judge(peer, outcomes[row.outcome], at, 2)

  expect(verdict.change).toBe(row.change)
  expect(verdict.peer).toMatchObject({ status: row.status, missedPings: row.missedPings })
})

test('judge() with threshold 1 calls a peer offline at the first miss', () => {
  expect(judge(aPeer({ status: 'online' }), miss, at, 1)).toMatchObject({
    change: 'went-offline',
    peer: { status: 'offline', reason: 'host-unreachable', sshConnectivity: false },
  })
})

test('an ack clears the reason and takes name and lead number from the peer itself', () => {
  const suspected = aPeer({ status: 'unresponsive', missedPings: 1, reason: 'ssh-timeout', name: 'Old' })

  const { peer } = judge(suspected, ackOf(aPeer({ name: 'New', leadNumber: 7 }), 41.6), at, 2)

  expect(peer).toMatchObject({
    name: 'New',
    leadNumber: 7,
    responseMs: 42,
    lastSeen: at.toISOString(),
    sshConnectivity: true,
  })
  expect(peer).not.toHaveProperty('reason')
})

test('an unmade probe leaves the time of the last attempt alone', () => {
  const { peer } = judge(aPeer({ lastPingAttempt: '2026-01-01T00:00:00.000Z' }), unmade, at, 2)

  expect(peer.lastPingAttempt).toBe('2026-01-01T00:00:00.000Z')
})

test('unknown keys of a peer record survive a verdict', () => {
  const peer = { ...aPeer(), discoveryMethod: 'mdns' }

  expect(judge(peer, miss, at, 2).peer).toHaveProperty('discoveryMethod', 'mdns')
})

const [a, b, dead] = ['a', 'b', 'dead'].map(name =>
  aPeer({ gatewayId: id(name), status: name === 'dead' ? 'offline' : 'online' }),
)

test.each([
  {
    name: 'two live peers miss and our network fails',
    peers: [a, b],
    outcome: miss,
    fault: true,
    suspect: true,
  },
  {
    name: 'two live peers miss and our network is fine',
    peers: [a, b],
    outcome: miss,
    fault: false,
    suspect: false,
  },
  { name: 'one live peer misses', peers: [a, dead], outcome: miss, fault: true, suspect: false },
  {
    name: 'already offline ones do not count against two',
    peers: [a, b, dead],
    outcome: miss,
    fault: true,
    suspect: true,
  },
  { name: 'unmade probes are no misses', peers: [a, b], outcome: unmade, fault: true, suspect: false },
])('isSelfSuspect(): $name: $suspect', ({ peers, outcome, fault, suspect }) => {
  const round = peers.flatMap(peer => (peer === undefined ? [] : [{ peer, outcome }]))

  expect(isSelfSuspect(round, fault)).toBe(suspect)
})

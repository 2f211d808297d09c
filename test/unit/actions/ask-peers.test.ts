import { expect, test } from 'vitest'
import { askPeers } from '../../../src/actions/ask-peers.ts'
import type { ProbeOutcome } from '../../../src/fleet/probe.ts'
import { ackOf, aPeer, id, miss } from '../../support/builders.ts'

const NOW = Date.parse('2026-11-20T12:00:00.000Z')
const clock = { now: () => new Date(NOW) }
const peer = aPeer()
const acked = (peerClock: number, responseMs = 100): ProbeOutcome => {
  const outcome = ackOf(peer, responseMs)
  return outcome.kind === 'ack' ? { ...outcome, peerClock } : outcome
}

test.each([
  ['the same second', NOW - 1000, -450],
  ['an hour ahead', NOW + 3_600_000, 3_600_550],
  ['an hour behind', NOW - 3_600_000, -3_599_450],
])(
  'the clock of a peer is compared with ours at the middle of the exchange: %s',
  async (_what, peerClock, skewMs) => {
    const deps = { clock, probe: async () => acked(peerClock), inspect: async () => undefined }

    const [asked] = await askPeers(deps, [peer])

    expect(asked?.answer).toMatchObject({ kind: 'ack', skewMs })
  },
)

test('who answers is asked what it runs; who does not gets a next step; the order stays', async () => {
  const names = ['c', 'a', 'b']
  const peers = names.map(name => aPeer({ gatewayId: id(name) }))
  const inspected: string[] = []

  const asked = await askPeers(
    {
      clock,
      probe: async ({ gatewayId }) => (gatewayId === 'a' ? miss : acked(NOW)),
      inspect: async ({ gatewayId }) => {
        inspected.push(gatewayId)
        return undefined
      },
    },
    peers,
  )

  expect(asked.map(({ peer, answer }) => [peer.gatewayId, answer.kind])).toEqual([
    ['c', 'ack'],
    ['a', 'failed'],
    ['b', 'ack'],
  ])
  expect(asked[1]?.answer).toMatchObject({
    reason: 'host-unreachable',
    next: expect.stringContaining('claw-discover'),
  })
  expect(inspected.toSorted()).toEqual(['b', 'c'])
})

test('a legacy peer is not asked for a program it does not have', async () => {
  const legacy = aPeer({ legacyKey: '/k' })
  const inspect = () => Promise.reject(new Error('asked'))

  const [asked] = await askPeers({ clock, probe: async () => acked(NOW), inspect }, [legacy])

  expect(asked?.answer).toMatchObject({ kind: 'ack', version: '2.0.0', inspection: undefined })
})

test('without a key or a pinned host key nobody is asked, and nobody is blamed', async () => {
  const outcome = { kind: 'unmade', reason: 'no-host-key', detail: '' } as const

  const [asked] = await askPeers({ clock, probe: async () => outcome, inspect: async () => undefined }, [
    peer,
  ])

  expect(asked?.answer).toEqual({ kind: 'not-asked' })
})

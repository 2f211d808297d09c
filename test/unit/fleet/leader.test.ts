import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leaderOf } from '../../../src/fleet/leader.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'

const self = anIdentity({ gatewayId: id('self'), leadNumber: 5 })

test.each([
  { name: 'the lowest online number leads', peers: [{ lead: 3, status: 'online' }], leader: 'p0' },
  { name: 'an offline machine does not lead', peers: [{ lead: 3, status: 'offline' }], leader: 'self' },
  {
    name: 'an unresponsive machine does not lead',
    peers: [{ lead: 3, status: 'unresponsive' }],
    leader: 'self',
  },
  { name: 'lead number 0 never leads', peers: [{ lead: 0, status: 'online' }], leader: 'self' },
  { name: 'a tie goes to the lower id', peers: [{ lead: 5, status: 'online' }], leader: 'p0' },
] as const)('leaderOf(): $name', ({ peers, leader }) => {
  const roster = peers.map(({ lead, status }, i) =>
    aPeer({ gatewayId: id(`p${i}`), leadNumber: lead, status }),
  )

  expect(leaderOf({ self, peers: roster })).toBe(leader)
})

test('a one-way machine is watched and never leads', () => {
  const vps = aPeer({ gatewayId: id('vps'), leadNumber: 1, status: 'online', oneWay: true })

  expect(leaderOf({ self, peers: [vps] })).toBe('self')
})

test('nobody leads a fleet in which every lead number is 0', () => {
  expect(
    leaderOf({ self: anIdentity({ leadNumber: 0 }), peers: [aPeer({ leadNumber: 0, status: 'online' })] }),
  ).toBeUndefined()
})

test('every machine names the same leader, whatever the order of its peers and whoever is self', () => {
  const machine = fc.record({ lead: fc.integer({ min: 0, max: 4 }), online: fc.boolean() })
  fc.assert(
    fc.property(fc.array(machine, { minLength: 2, maxLength: 8 }), fc.nat(), (machines, turn) => {
      const all = machines.map(({ lead, online }, i) => ({
        gatewayId: id(`m${i}`),
        leadNumber: lead,
        online,
      }))
      const awake = all.filter(({ online }) => online)
      const views = awake.map(me => {
        const others = all
          .filter(m => m !== me)
          .map(m => aPeer({ ...m, status: m.online ? 'online' : 'offline' }))
        const rotated = [
          ...others.slice(turn % (others.length || 1)),
          ...others.slice(0, turn % (others.length || 1)),
        ]
        return leaderOf({ self: anIdentity(me), peers: rotated })
      })
      expect(new Set(views).size).toBeLessThanOrEqual(1)
    }),
  )
})

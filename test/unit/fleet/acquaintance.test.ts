import { expect, test } from 'vitest'
import { type Acquaintance, hasGate, introductionTo } from '../../../src/fleet/acquaintance.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import { aPeer, id } from '../../support/builders.ts'
import { aKey } from '../../support/public-keys.ts'

const hostKey = aKey('host')
const acquaintance = (
  facts: Partial<Peer> = {},
  more: Partial<Acquaintance['answer']> = {},
): Acquaintance => ({
  peer: aPeer({ sshUser: 'owner', ...facts }),
  answer: {
    ...{
      gatewayId: id('studio'),
      name: 'Studio',
      leadNumber: 2,
      sshUser: 'other',
      sshPort: 2200,
      version: '2',
    },
    ...{ clanPublicKey: aKey('studio'), hostKeys: [], machines: [], ip: '10.0.0.22' },
    ...more,
  },
  hostKey,
})
const listener = (facts: Partial<Peer> = {}) => aPeer({ gatewayId: id('attic'), ip: '10.0.0.9', ...facts })

test('a machine is introduced as it is reached from here, with what it says of itself', () => {
  expect(introductionTo(listener(), acquaintance({}, { mayBeAway: true, incarnation: 4 }))).toEqual({
    ...{ gatewayId: 'studio', name: 'Studio', leadNumber: 2, version: '2', sshUser: 'owner' },
    ...{ clanPublicKey: aKey('studio'), mayBeAway: true, incarnation: 4 },
    reach: { ip: '10.0.0.2', sshPort: 22, hostKey },
  })
})

test.each([
  ['both watch', {}, {}, { reach: true, oneWay: false }],
  ['the listener is only watched', { oneWay: true }, {}, { reach: false, oneWay: false }],
  ['the introduced one is only watched', {}, { oneWay: true }, { reach: true, oneWay: true }],
  ['both are only watched', { oneWay: true }, { oneWay: true }, undefined],
] as const)('when %s', (_what, hearing, introduced, expected) => {
  const told = introductionTo(listener(hearing), acquaintance(introduced))

  expect(told && { reach: told.reach !== null, oneWay: told.oneWay === true }).toEqual(expected)
})

test.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost', 'LOCALHOST.'])(
  'behind a tunnel at %s it is introduced by its own address, but not to a machine behind one too',
  ip => {
    const tunnelled = acquaintance({ ip, sshPort: 2222 })

    expect(introductionTo(listener(), tunnelled)?.reach).toMatchObject({ ip: '10.0.0.22', sshPort: 2200 })
    expect(introductionTo(listener({ ip: '127.0.0.1' }), tunnelled)?.reach).toMatchObject({
      ip,
      sshPort: 2222,
    })
  },
)

test('an older machine that does not say its address is introduced by the one we have', () => {
  const { ip: _none, ...answer } = acquaintance().answer
  const older = { ...acquaintance({ ip: '127.0.0.1' }), answer }

  expect(introductionTo(listener(), older)?.reach?.ip).toBe('127.0.0.1')
})

test('only a machine that was enrolled by clan key has a gate', () => {
  expect([aPeer(), aPeer({ clanKey: 'x' }), aPeer({ clanKey: 'x', legacyKey: '/k' })].map(hasGate)).toEqual([
    false,
    true,
    false,
  ])
})

import { describe, expect, test } from 'vitest'
import { agreesWith, changeOfPeer, isFromHome, judgeStrangers } from '../../../src/fleet/discovery.ts'
import type { Sighting } from '../../../src/fleet/service.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'

const key = (letter: string) => `SHA256:${letter.repeat(43)}`
const aSighting = (facts: Partial<Sighting> = {}): Sighting => ({
  gatewayId: id('studio'),
  name: 'Studio',
  leadNumber: 2,
  ip: '10.0.0.2',
  port: 22,
  version: '2.0.0',
  sourceIp: '10.0.0.2',
  ...facts,
})

describe('agreesWith()', () => {
  test.each([
    { why: 'all is as recorded', sighting: {}, peer: {}, agrees: true },
    { why: 'another address', sighting: { ip: '10.0.0.9' }, peer: {}, agrees: false },
    { why: 'another port', sighting: { port: 2222 }, peer: {}, agrees: false },
    { why: 'another clan key', sighting: { clanKey: key('a') }, peer: { clanKey: key('b') }, agrees: false },
    { why: 'the same clan key', sighting: { clanKey: key('a') }, peer: { clanKey: key('a') }, agrees: true },
    { why: 'a bash machine, which tells no key', sighting: {}, peer: { clanKey: key('b') }, agrees: true },
    {
      why: 'other name, lead number and version',
      sighting: { name: 'x', leadNumber: 0, version: '9' },
      peer: {},
      agrees: true,
    },
  ])('$why: $agrees', ({ sighting, peer, agrees }) => {
    expect(agreesWith(aPeer(peer), aSighting(sighting))).toBe(agrees)
  })

  test('what somebody else says of a home address is not from home', () => {
    expect(isFromHome(aPeer(), aSighting({ sourceIp: '10.0.0.66' }))).toBe(false)
    expect(isFromHome(aPeer(), aSighting())).toBe(true)
  })
})

describe('judgeStrangers()', () => {
  const self = anIdentity({ gatewayId: id('mini'), sshPort: 22 })
  const judge = (...sightings: Sighting[]) =>
    judgeStrangers(sightings, self, ['127.0.0.1', '10.0.0.1']).map(({ known }) => known)

  test('knows itself by id, address and port, whatever the case', () => {
    expect(judge(aSighting({ gatewayId: id('MINI'), ip: '10.0.0.1' }))).toEqual(['self'])
  })

  test.each([{ ip: '10.0.0.66' }, { ip: '10.0.0.1', port: 2222 }])(
    'its own id at %o is a conflict',
    place => {
      expect(judge(aSighting({ gatewayId: id('mini'), ...place }))).toEqual(['conflict'])
    },
  )

  test('of two that claim one new id the first is the candidate', () => {
    const [first, second] = [
      aSighting({ gatewayId: id('new') }),
      aSighting({ gatewayId: id('New'), ip: '10.0.0.9' }),
    ]

    expect(judge(first, second)).toEqual(['candidate', 'conflict'])
  })

  test('one machine on two networks is one candidate, told by its clan key', () => {
    const claim = { gatewayId: id('new'), clanKey: key('n') }

    const known = judge(
      aSighting(claim),
      aSighting({ ...claim, ip: '10.1.0.2' }),
      aSighting({ ...claim, ip: '10.1.0.66', clanKey: key('e') }),
    )

    expect(known).toEqual(['candidate', 'candidate', 'conflict'])
  })
})

describe('changeOfPeer()', () => {
  const moved = aSighting({ ip: '10.0.0.9', port: 2222, name: 'Evil', leadNumber: 0 })
  test.each([
    { why: 'heard as before', broadcasting: true, home: true, proven: false, full: false, change: undefined },
    {
      why: 'heard for the first time',
      broadcasting: false,
      home: true,
      proven: false,
      full: false,
      change: { mdnsBroadcasting: true },
    },
    {
      why: 'silent in a short browse',
      broadcasting: true,
      home: false,
      proven: false,
      full: false,
      change: undefined,
    },
    {
      why: 'silent in a full browse',
      broadcasting: true,
      home: false,
      proven: false,
      full: true,
      change: { mdnsBroadcasting: false },
    },
    {
      why: 'silent as before',
      broadcasting: false,
      home: false,
      proven: false,
      full: true,
      change: undefined,
    },
    {
      why: 'proven elsewhere',
      broadcasting: true,
      home: false,
      proven: true,
      full: true,
      change: { ip: '10.0.0.9', sshPort: 2222 },
    },
    {
      why: 'proven elsewhere and at home too',
      broadcasting: true,
      home: true,
      proven: true,
      full: true,
      change: undefined,
    },
  ])('$why: $change', ({ broadcasting, home, proven, full, change }) => {
    const peer = aPeer({ mdnsBroadcasting: broadcasting })

    const found = changeOfPeer({
      peer,
      isHeardAtHome: home,
      provenAt: proven ? moved : undefined,
      isFull: full,
    })

    expect(found).toEqual(change)
  })

  test.each(['studio.example', 'fd00::2'])('an address the owner gave as "%s" stays', ip => {
    const peer = aPeer({ ip, mdnsBroadcasting: true })

    expect(changeOfPeer({ peer, isHeardAtHome: false, provenAt: moved, isFull: true })).toBeUndefined()
  })

  test('a proof at the recorded address, by another clan key, moves nothing', () => {
    const peer = aPeer({ mdnsBroadcasting: true })

    expect(changeOfPeer({ peer, isHeardAtHome: false, provenAt: aSighting(), isFull: true })).toBeUndefined()
  })
})

import * as dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { claimOf, probeOf, recordsOf } from '../../../src/adapters/mdns-claim.ts'
import { browseQueries } from '../../../src/adapters/mdns-query.ts'
import {
  type MdnsPacket,
  type MdnsRecord,
  queryPacket,
  recordKey,
  responsePacket,
} from '../../../src/adapters/mdns-record.ts'
import { fromWire, toWire, type WirePacket } from '../../../src/adapters/mdns-wire.ts'
import { announcementOf, SERVICE_TYPE } from '../../../src/fleet/service.ts'
import { safeName } from '../../../src/fleet/text.ts'
import { anIdentity, id } from '../../support/builders.ts'

/** What an Ethernet frame leaves to a UDP packet. */
const MAX_PACKET = 1472

const encode = (packet: MdnsPacket): Buffer =>
  dnsPacket.encode({ type: packet.kind, ...toWire(packet) } as dnsPacket.Packet)
const decode = (bytes: Buffer, kind: MdnsPacket['kind']) =>
  fromWire(kind, dnsPacket.decode(bytes) as WirePacket)
const sent = (packet: MdnsPacket) => decode(encode(packet), packet.kind)
const clanKey = `SHA256:${'a'.repeat(43)}`

describe('what we send', () => {
  const anyName = fc.string({ unit: 'grapheme', maxLength: 80 }).map(text => safeName(text, 'x'))

  test('is decoded as it was meant, and fits into one frame, whatever the name', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 1, max: 100_000 }), (name, attempt) => {
        const gatewayId = id(`${'a.'.repeat(31)}bc`)
        const claim = claimOf(
          announcementOf(anIdentity({ name, gatewayId, clanKey, version: 'v'.repeat(64) })),
          attempt,
          ['10.0.0.1'],
        )
        const all = recordsOf(claim)

        const [probe, announcement] = [queryPacket(probeOf(claim)), responsePacket({ answers: all })]

        expect([probe, announcement].every(packet => encode(packet).length <= MAX_PACKET)).toBe(true)
        expect(sent(probe)?.authorities.map(recordKey)).toEqual(claim.unique.map(recordKey))
        expect(sent(probe)?.questions.map(({ name: asked, type }) => `${asked} ${type}`)).toEqual([
          `${claim.instance} ANY`,
          `${claim.host} ANY`,
        ])
        expect(sent(announcement)?.answers.map(({ ttl, unique }) => ({ ttl, unique }))).toEqual(
          all.filter(({ type }) => type !== 'NSEC').map(({ ttl, unique }) => ({ ttl, unique })),
        )
      }),
    )
  })

  test('says what our names do not have', () => {
    const claim = claimOf(announcementOf(anIdentity()), 1, ['10.0.0.1'])

    const wire = dnsPacket.decode(encode(responsePacket({ answers: claim.negative })))

    expect(wire.answers).toMatchObject([
      { type: 'NSEC', name: claim.instance, data: { nextDomain: claim.instance, rrtypes: ['TXT', 'SRV'] } },
      { type: 'NSEC', name: claim.host, data: { rrtypes: ['A'] } },
    ])
  })

  test('carries any number of known answers in packets that fit, all but the last marked as truncated', () => {
    const known = Array.from(
      { length: 256 },
      (_, at): MdnsRecord => ({
        type: 'PTR',
        name: SERVICE_TYPE,
        ttl: 4500,
        unique: false,
        target: `${'é'.repeat(25)} ${at}.${SERVICE_TYPE}`,
      }),
    )

    const packets = browseQueries(known).map(packet => ({
      bytes: encode(packet).length,
      packet: sent(packet),
    }))

    expect(packets.every(({ bytes }) => bytes <= MAX_PACKET)).toBe(true)
    expect(packets.flatMap(({ packet }) => packet?.answers ?? []).map(recordKey)).toEqual(
      known.map(recordKey),
    )
    expect(packets.map(({ packet }) => packet?.isTruncated)).toEqual([
      ...packets.slice(1).map(() => true),
      false,
    ])
    expect(packets.map(({ packet }) => packet?.questions.length)).toEqual([
      2,
      ...packets.slice(1).map(() => 0),
    ])
  })
})

describe('fromWire()', () => {
  test('tells the QU bit of a question', () => {
    const bytes = encode(
      queryPacket({ questions: [{ name: SERVICE_TYPE, type: 'PTR', wantsUnicast: false }] }),
    )
    bytes.writeUInt16BE(0x8001, bytes.length - 2)

    expect(decode(bytes, 'query')?.questions).toEqual([
      { name: SERVICE_TYPE, type: 'PTR', wantsUnicast: true },
    ])
  })

  test.each([
    { why: 'another operation', flags: 2 << 11 },
    { why: 'an error answer', flags: 3 },
  ])('ignores $why', ({ flags }) => {
    expect(fromWire('response', { id: 0, flags })).toBeUndefined()
  })

  test('leaves out records of other classes and data that is not of its type', () => {
    const record = { name: 'x.local', class: 'IN', ttl: 1 }
    const answers = [
      { ...record, type: 'A', data: '10.0.0.1', class: 'CH' },
      { ...record, type: 'A', data: '10.0.0.999' },
      { ...record, type: 'PTR', data: { evil: true } },
      { ...record, type: 'SRV', data: { target: 7, port: 1 } },
      { ...record, type: 'SRV' },
      { ...record, type: 'TXT', data: 'no buffers' },
      { ...record, type: 'OPT' },
    ]

    expect(fromWire('response', { answers })?.answers).toEqual([])
  })

  test('never throws for what the decoder lets through', () => {
    const honest = encode(
      responsePacket({
        answers: recordsOf(claimOf(announcementOf(anIdentity({ clanKey })), 1, ['10.0.0.1'])),
      }),
    )
    const damage = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(damage, fc.nat(honest.length), (places, length) => {
        const bytes = Buffer.from(honest)
        for (const [at, value] of places) bytes[at] = value
        let wire: WirePacket
        try {
          wire = dnsPacket.decode(bytes.subarray(0, length)) as WirePacket
        } catch {
          return
        }
        expect(() => [...(fromWire('response', wire)?.answers ?? [])].map(recordKey)).not.toThrow()
      }),
    )
  })
})

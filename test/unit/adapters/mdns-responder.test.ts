import { describe, expect, test } from 'vitest'
import { queryPacket, responsePacket } from '../../../src/adapters/mdns-record.ts'
import { SERVICE_TYPE } from '../../../src/fleet/service.ts'
import {
  address,
  ask,
  browse,
  claim,
  other,
  srv,
  stranger,
  targets,
  txt,
  worldOf,
} from '../../support/mdns-holder.ts'

describe('a holder answers', () => {
  test('a browse once, 20 to 120 ms later, with all that is wanted next', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()
    const askedAt = clock.monotonicMs()

    holder.onPacket(browse(), stranger)
    holder.onPacket(browse(), { address: '10.0.0.8', port: 5353 })
    await clock.advance(500)

    expect(sent).toHaveLength(1)
    expect((sent[0]?.at ?? 0) - askedAt).toBeGreaterThanOrEqual(20)
    expect((sent[0]?.at ?? 0) - askedAt).toBeLessThanOrEqual(120)
    expect(sent[0]).toMatchObject({
      to: undefined,
      packet: { answers: [claim.pointer], additionals: [...claim.unique, ...claim.negative] },
    })
  })

  test('nothing that the asker knows already, unless it is half forgotten', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()

    holder.onPacket(browse({ answers: [{ ...claim.pointer, ttl: 2250 }] }), stranger)
    await clock.advance(500)
    const whileFresh = sent.length
    holder.onPacket(browse({ answers: [{ ...claim.pointer, ttl: 2249 }] }), stranger)
    await clock.advance(500)

    expect([whileFresh, sent.length]).toEqual([0, 1])
  })

  test('a truncated question only after its other known answers had their time', async () => {
    const [known, unknown] = [worldOf(), worldOf()]
    for (const { clock, sent, holder, held } of [known, unknown]) {
      await held()
      holder.onPacket(browse({ isTruncated: true }), stranger)
      await clock.advance(300)
      expect(sent).toEqual([])
    }

    known.holder.onPacket(queryPacket({ answers: [claim.pointer] }), stranger)
    await known.clock.advance(1000)
    await unknown.clock.advance(1000)

    expect([known.sent.length, unknown.sent.length]).toEqual([0, 1])
  })

  test('one record no more than once a second', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()

    for (let times = 0; times < 30; times += 1) {
      holder.onPacket(browse(), stranger)
      await clock.advance(100)
    }

    const gaps = sent.slice(1).map(({ at }, index) => at - (sent[index]?.at ?? 0))
    expect(sent.length).toBeGreaterThan(1)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000)
  })

  test.each([
    { asked: 'its instance', name: claim.instance, type: 'SRV', answers: [srv] },
    { asked: 'its instance in capitals', name: claim.instance.toUpperCase(), type: 'TXT', answers: [txt] },
    { asked: 'all of its instance', name: claim.instance, type: 'ANY', answers: [srv, txt] },
    { asked: 'its address', name: claim.host, type: 'A', answers: [address] },
    { asked: 'an IPv6 address it has not', name: claim.host, type: 'AAAA', answers: [claim.negative[1]] },
  ])('$asked at once: nobody else would', async ({ name, type, answers }) => {
    const { clock, sent, holder, held } = worldOf()
    await held()

    holder.onPacket(ask(name, type), stranger)
    await clock.advance(10)

    expect(sent.map(({ packet }) => packet.answers)).toEqual([answers])
  })

  test.each([
    ['another type', ask('_http._tcp.local', 'PTR')],
    ['another name', ask('other._openclaw._tcp.local', 'SRV')],
    ['another kind of record of the type', ask(SERVICE_TYPE, 'SRV')],
  ])('nothing about %s', async (_, question) => {
    const { clock, sent, holder, held } = worldOf()
    await held()

    holder.onPacket(question, stranger)
    await clock.advance(2000)

    expect(sent).toEqual([])
  })

  test('a question for all service types, unless another machine did just now', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()
    const question = ask('_services._dns-sd._udp.local', 'PTR')

    holder.onPacket(question, stranger)
    holder.onPacket(responsePacket({ answers: [claim.typePointer] }), { address: '10.0.0.8', port: 5353 })
    await clock.advance(500)
    const afterOther = sent.length
    holder.onPacket(question, stranger)
    await clock.advance(500)

    expect(afterOther).toBe(0)
    expect(sent.map(targets)).toEqual([['PTR _services._dns-sd._udp.local']])
  })

  test('a question for unicast to the asker alone while everybody has heard it lately', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()
    const question = queryPacket({ questions: [{ name: claim.host, type: 'A', wantsUnicast: true }] })

    holder.onPacket(question, stranger)
    await clock.advance(60_000)
    holder.onPacket(question, stranger)
    await clock.advance(100)

    expect(sent.map(({ to }) => to)).toEqual([stranger, undefined])
  })

  test('a simple resolver by unicast, its question and id repeated, with short lives and no cache-flush bits', async () => {
    const { sent, holder, held } = worldOf()
    await held()
    const resolver = { address: '10.0.0.9', port: 40_000 }

    holder.onPacket({ ...ask(claim.host, 'A'), id: 77 }, resolver)

    expect(sent).toMatchObject([
      { to: resolver, packet: { id: 77, questions: [{ name: claim.host, type: 'A' }] } },
    ])
    expect(sent[0]?.packet.answers).toEqual([{ ...address, ttl: 10, unique: false }])
  })

  test('a probe for its names at once, again after 250 ms', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()
    const start = clock.monotonicMs()
    const probe = ask(claim.instance, 'ANY', { authorities: [other(srv)] })

    holder.onPacket(probe, stranger)
    await clock.advance(100)
    holder.onPacket(probe, stranger)
    await clock.advance(1000)

    expect(sent.map(({ at }) => at - start)).toEqual([0, 250])
  })
})

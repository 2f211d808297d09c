import { describe, expect, test } from 'vitest'
import { type Claim, claimOf, recordsOf } from '../../../src/adapters/mdns-claim.ts'
import { openGate } from '../../../src/adapters/mdns-gate.ts'
import { Holder } from '../../../src/adapters/mdns-holder.ts'
import {
  type Endpoint,
  type MdnsPacket,
  type MdnsRecord,
  queryPacket,
  responsePacket,
} from '../../../src/adapters/mdns-record.ts'
import { announcementOf, SERVICE_TYPE } from '../../../src/fleet/service.ts'
import { anIdentity } from '../../support/builders.ts'
import { testClock } from '../../support/test-clock.ts'

const LIMITS = { perSecond: 200, burst: 1000, perSourcePerSecond: 20, perSourceBurst: 100 }
const claim = claimOf(announcementOf(anIdentity()), 1, ['10.0.0.1'])
const [srv, txt, address] = claim.unique
const stranger: Endpoint = { address: '10.0.0.9', port: 5353 }

type Sent = { readonly at: number; readonly packet: MdnsPacket; readonly to: Endpoint | undefined }

/** A holder on a link that goes nowhere: what it sends is written down, what it hears comes from the test. */
function worldOf() {
  const clock = testClock()
  const sent: Sent[] = []
  const conflicts: string[] = []
  const options = {
    at: { name: 'eth0', address: '10.0.0.1', netmask: '255.255.255.0' },
    gate: openGate(LIMITS, { unmetered: new Set(), expected: new Set() }, clock.monotonicMs),
    clock,
    onConflict: (_: Claim, sourceIp: string) => conflicts.push(sourceIp),
    onHeld: () => {},
    onTrouble: (error: Error) => {
      throw error
    },
  }
  const holder = new Holder(options, {
    at: options.at,
    send: async (packet, to) => void sent.push({ at: clock.monotonicMs(), packet, to }),
    close: () => {},
  })
  const held = async () => {
    holder.hold(claim)
    await clock.advance(5000)
    sent.length = 0
  }
  return { clock, sent, conflicts, holder, held }
}

const ask = (name: string, type: string, more: Partial<MdnsPacket> = {}) =>
  queryPacket({ questions: [{ name, type, wantsUnicast: false }], ...more })
const browse = (more: Partial<MdnsPacket> = {}) => ask(SERVICE_TYPE, 'PTR', more)
const targets = ({ packet }: Sent) => packet.answers.map(record => `${record.type} ${record.name}`)
const other = (record: MdnsRecord | undefined): MdnsRecord =>
  record?.type === 'SRV'
    ? { ...record, port: 2222 }
    : { type: 'A', name: claim.host, ttl: 120, unique: true, address: '10.0.0.66' }

describe('a holder claims names', () => {
  test('by three probes 250 ms apart, then two announcements 1 s apart', async () => {
    const { clock, sent, holder } = worldOf()

    holder.hold(claim)
    await clock.advance(10_000)

    const gaps = sent.slice(1).map(({ at }, index) => at - (sent[index]?.at ?? 0))
    expect(sent[0]?.at).toBeLessThanOrEqual(250)
    expect(gaps).toEqual([250, 250, 250, 1000])
    expect(sent.map(({ packet }) => packet.kind)).toEqual(['query', 'query', 'query', 'response', 'response'])
    expect(sent[0]?.packet).toMatchObject({ authorities: claim.unique, answers: [] })
    expect(sent[3]?.packet.answers).toEqual(recordsOf(claim))
  })

  test('and answers nothing before they are its own', async () => {
    const { clock, sent, holder } = worldOf()

    holder.hold(claim)
    await clock.advance(300)
    holder.onPacket(browse(), stranger)
    await clock.advance(200)

    expect(sent.filter(({ packet }) => packet.kind === 'response')).toEqual([])
  })

  test('and reports a conflict when somebody else answers the probe, then stays silent', async () => {
    const { clock, sent, conflicts, holder } = worldOf()

    holder.hold(claim)
    await clock.advance(300)
    holder.onPacket(responsePacket({ answers: [other(srv)] }), stranger)
    await clock.advance(10_000)

    expect(conflicts).toEqual(['10.0.0.9'])
    expect(sent.filter(({ packet }) => packet.kind === 'response')).toEqual([])
  })

  test.each(['answers', 'additionals'] as const)(
    'and takes its own records in %s for what they are',
    async section => {
      const { clock, conflicts, holder } = worldOf()

      holder.hold(claim)
      await clock.advance(300)
      holder.onPacket(responsePacket({ [section]: claim.unique }), stranger)

      expect(conflicts).toEqual([])
    },
  )

  test('of two that probe at once the one with the later data goes on', async () => {
    const [win, lose] = [worldOf(), worldOf()]
    const probeWith = (port: number) =>
      ask(claim.instance, 'ANY', {
        authorities: claim.unique.map(record =>
          record === srv && srv.type === 'SRV' ? { ...srv, port } : record,
        ),
      })

    for (const { clock, holder } of [win, lose]) {
      holder.hold(claim)
      await clock.advance(300)
    }
    win.holder.onPacket(probeWith(21), stranger)
    lose.holder.onPacket(probeWith(23), stranger)
    await win.clock.advance(900)
    await lose.clock.advance(900)

    expect(win.sent.some(({ packet }) => packet.kind === 'response')).toBe(true)
    expect(lose.sent.some(({ packet }) => packet.kind === 'response')).toBe(false)
    await lose.clock.advance(3000)
    expect(lose.sent.some(({ packet }) => packet.kind === 'response')).toBe(true)
  })

  test('its own probe, heard back, loses nothing', async () => {
    const { clock, sent, holder } = worldOf()

    holder.hold(claim)
    await clock.advance(300)
    for (const { packet } of [...sent]) holder.onPacket(packet, { address: '10.0.0.1', port: 5353 })
    await clock.advance(1000)

    expect(sent.filter(({ packet }) => packet.kind === 'query')).toHaveLength(3)
  })

  test('new facts under held names are announced at once, without probing', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()
    const next = claimOf(announcementOf(anIdentity({ leadNumber: 9, sshPort: 2222 })), 1, ['10.0.0.1'])

    holder.hold(next)
    await clock.advance(3000)

    expect(sent.map(({ packet }) => packet.answers)).toEqual([recordsOf(next), recordsOf(next)])
  })

  test('a conflict with a held name is probed for again, once', async () => {
    const { clock, sent, conflicts, holder, held } = worldOf()
    await held()

    for (let times = 0; times < 5; times += 1)
      holder.onPacket(responsePacket({ answers: [other(address)] }), stranger)
    await clock.advance(3000)

    expect(conflicts).toEqual([])
    expect(sent.map(({ packet }) => packet.kind)).toEqual(['query', 'query', 'query', 'response', 'response'])
  })

  test('records of the same instance name that we do not own are no conflict with a held name', async () => {
    const { clock, sent, holder, held } = worldOf()
    await held()

    holder.onPacket(
      responsePacket({
        answers: [
          claim.pointer,
          { type: 'OTHER', name: claim.host, ttl: 120, unique: true },
          { ...other(srv), ttl: 0 },
        ],
      }),
      stranger,
    )
    await clock.advance(3000)

    expect(sent).toEqual([])
  })

  test('goodbye takes back what was announced, and only that', async () => {
    const { sent, holder, held } = worldOf()

    await holder.goodbye()
    const before = sent.length
    await held()
    await holder.goodbye()

    expect(before).toBe(0)
    expect(sent).toHaveLength(1)
    expect(sent[0]?.packet.answers.map(({ type, ttl, unique }) => ({ type, ttl, unique }))).toEqual(
      ['PTR', 'SRV', 'TXT', 'A'].map(type => ({ type, ttl: 0, unique: false })),
    )
  })
})

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

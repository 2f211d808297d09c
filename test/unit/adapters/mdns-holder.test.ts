import { describe, expect, test } from 'vitest'
import { claimOf, recordsOf } from '../../../src/adapters/mdns-claim.ts'
import { responsePacket } from '../../../src/adapters/mdns-record.ts'
import { announcementOf } from '../../../src/fleet/service.ts'
import { anIdentity } from '../../support/builders.ts'
import { address, ask, browse, claim, other, srv, stranger, worldOf } from '../../support/mdns-holder.ts'

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

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { claimOf, recordsOf } from '../../../src/adapters/mdns-claim.ts'
import { type MdnsRecord, responsePacket } from '../../../src/adapters/mdns-record.ts'
import { HeardTable, MAX_INSTANCES } from '../../../src/adapters/mdns-table.ts'
import { announcementOf, GATEWAY_TYPE, SERVICE_TYPE } from '../../../src/fleet/service.ts'
import { anIdentity, id } from '../../support/builders.ts'

const recordsFor = (gatewayId: string, ip: string) =>
  recordsOf(claimOf(announcementOf(anIdentity({ gatewayId: id(gatewayId), name: gatewayId })), 1, [ip]))
const openTable = (expected: readonly string[] = [], unmetered: readonly string[] = []) =>
  new HeardTable({ expected: new Set(expected), unmetered: new Set(unmetered) })
const names = (table: HeardTable) => table.services(SERVICE_TYPE).map(({ instance }) => instance)

describe('HeardTable', () => {
  test('puts an instance together in whatever order its records come', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...recordsFor('mini', '10.0.0.1')], { minLength: 7 }),
        fc.boolean(),
        (records, apart) => {
          const table = openTable()
          // In separate packets only what refers to something heard before can be placed; a second hearing completes it.
          const packets = apart ? [...records, ...records, ...records].map(record => [record]) : [records]

          for (const additionals of packets) table.hear(responsePacket({ additionals }), '10.0.0.1')

          expect(table.services(SERVICE_TYPE)).toMatchObject([
            { instance: 'mini', port: 22, addresses: ['10.0.0.1'], sourceIp: '10.0.0.1' },
          ])
          expect(table.missing()).toEqual([])
        },
      ),
    )
  })

  test('tells news from what it knew', () => {
    const table = openTable()
    const packet = responsePacket({ answers: recordsFor('mini', '10.0.0.1') })

    expect([table.hear(packet, '10.0.0.1'), table.hear(packet, '10.0.0.1')]).toEqual([true, false])
  })

  test('forgets who says goodbye, and only for the one who says it', () => {
    const table = openTable()
    const answers = recordsFor('mini', '10.0.0.1')
    table.hear(responsePacket({ answers }), '10.0.0.1')
    const goodbye = responsePacket({ answers: answers.map(record => ({ ...record, ttl: 0 })) })

    table.hear(goodbye, '10.0.0.66')
    const afterImpostor = names(table)
    table.hear(goodbye, '10.0.0.1')

    expect([afterImpostor, names(table)]).toEqual([['mini'], []])
  })

  test('lets nobody change what another source said', () => {
    const table = openTable()
    table.hear(responsePacket({ answers: recordsFor('mini', '10.0.0.1') }), '10.0.0.1')
    table.hear(responsePacket({ answers: recordsFor('mini', '10.0.0.66') }), '10.0.0.66')

    expect(table.services(SERVICE_TYPE).map(({ addresses, sourceIp }) => [...addresses, sourceIp])).toEqual([
      ['10.0.0.1', '10.0.0.1'],
      ['10.0.0.66', '10.0.0.66'],
    ])
  })

  test('asks for what is missing, three times at most', () => {
    const table = openTable()
    const [pointer, , srv] = recordsFor('mini', '10.0.0.1')
    const asked = () => table.missing().map(({ name, type }) => `${type} ${name}`)
    table.hear(responsePacket({ answers: [pointer].filter(record => record !== undefined) }), '10.0.0.1')

    const first = asked()
    table.hear(responsePacket({ answers: [srv].filter(record => record !== undefined) }), '10.0.0.1')

    expect(first).toEqual([`SRV mini.${SERVICE_TYPE}`, `TXT mini.${SERVICE_TYPE}`])
    expect(asked()).toEqual([`TXT mini.${SERVICE_TYPE}`, 'A claw-mini.local'])
    asked()
    expect(asked()).toEqual([])
  })

  test.each([`a.b.${SERVICE_TYPE}`, `${'é'.repeat(40)}.${SERVICE_TYPE}`, `\ufffd.${SERVICE_TYPE}`])(
    'neither asks for nor tells "%s", which could not be encoded as it was heard',
    target => {
      const table = openTable()
      const records: MdnsRecord[] = [
        { type: 'PTR', name: SERVICE_TYPE, ttl: 4500, unique: false, target },
        {
          type: 'SRV',
          name: target,
          ttl: 120,
          unique: true,
          port: 22,
          target: 'x.y.local',
          priority: 0,
          weight: 0,
        },
      ]
      table.hear(responsePacket({ answers: records }), '10.0.0.1')

      const missing = table.missing()
      table.hear(
        responsePacket({
          answers: [
            { type: 'TXT', name: target, ttl: 120, unique: true, items: [] },
            { type: 'A', name: 'x.y.local', ttl: 120, unique: true, address: '10.0.0.1' },
          ],
        }),
        '10.0.0.1',
      )

      expect([missing, table.knownAnswers()]).toEqual([[], []])
      expect(table.services(SERVICE_TYPE)).toHaveLength(1)
    },
  )

  test('keeps the two service types apart', () => {
    const table = openTable()
    const asGateway = recordsFor('mini', '10.0.0.1').map(record =>
      JSON.parse(JSON.stringify({ ...record, items: undefined }).replaceAll(SERVICE_TYPE, GATEWAY_TYPE)),
    )
    const items = { type: 'TXT', name: `mini.${GATEWAY_TYPE}`, ttl: 1, unique: true, items: [] } as const

    table.hear(
      responsePacket({ answers: [...asGateway.filter(({ type }) => type !== 'TXT'), items] }),
      '10.0.0.1',
    )

    expect(names(table)).toEqual([])
    expect(table.services(GATEWAY_TYPE)).toMatchObject([{ instance: 'mini' }])
  })
})

describe('HeardTable under flood', () => {
  const flood = (table: HeardTable, sources: (at: number) => string, count: number) => {
    for (let at = 0; at < count; at += 1) {
      table.hear(responsePacket({ answers: recordsFor(`evil${at}`, '10.9.9.9') }), sources(at))
    }
  }

  test('leaves room for everybody beside one greedy source', () => {
    const table = openTable()
    flood(table, () => '10.0.0.66', 2_000)
    const ofGreedy = names(table).length
    for (let at = 1; at <= 50; at += 1)
      table.hear(responsePacket({ answers: recordsFor(`m${at}`, `10.0.1.${at}`) }), `10.0.1.${at}`)

    expect(ofGreedy).toBe(64)
    expect(names(table).filter(name => name.startsWith('m'))).toHaveLength(50)
  })

  test('holds no more than its maximum, and evicts from the greediest for a newcomer', () => {
    const table = openTable()
    flood(table, at => `10.0.2.${at % 10}`, 2_000)
    table.hear(responsePacket({ answers: recordsFor('honest', '10.0.0.1') }), '10.0.0.1')

    expect(names(table)).toHaveLength(MAX_INSTANCES)
    expect(names(table)).toContain('honest')
  })

  test('finds room for an enrolled peer when every source has one', () => {
    const table = openTable(['10.0.0.1'])
    flood(table, at => `10.1.${Math.floor(at / 250)}.${at % 250}`, 1000)
    table.hear(responsePacket({ answers: recordsFor('late', '10.0.0.2') }), '10.0.0.2')
    table.hear(responsePacket({ answers: recordsFor('peer', '10.0.0.1') }), '10.0.0.1')

    expect(names(table)).toHaveLength(MAX_INSTANCES)
    expect(names(table)).not.toContain('late')
    expect(names(table)).toContain('peer')
  })

  test('counts no share for our own addresses: many machines may be behind loopback', () => {
    const table = openTable([], ['127.0.0.1'])
    flood(table, () => '127.0.0.1', 200)

    expect(names(table)).toHaveLength(200)
  })
})

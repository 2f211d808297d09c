import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { truncateUtf8, utf8Length } from '../../../src/fleet/dns-label.ts'
import { isGatewayId } from '../../../src/fleet/parse.ts'
import {
  announcementOf,
  type HeardService,
  isIpv4,
  parseGatewayListing,
  parseSighting,
} from '../../../src/fleet/service.ts'
import { isSafeText, safeName } from '../../../src/fleet/text.ts'
import { anIdentity, id } from '../../support/builders.ts'

const clanKey = `SHA256:${'aZ9+/'.repeat(9).slice(0, 43)}`
const bytes = (text: string) => new TextEncoder().encode(text)
const heard = (facts: Partial<HeardService> = {}): HeardService => ({
  instance: 'Mini',
  port: 22,
  txt: ['gateway=mini', 'name=Mini', 'lead=1', 'version=2.0.0'].map(bytes),
  addresses: ['10.0.0.1'],
  sourceIp: '10.0.0.1',
  ...facts,
})
const txt = (...items: string[]) => heard({ txt: items.map(bytes) })
const sightingOf = (service: HeardService) => {
  const reading = parseSighting(service)
  return reading.kind === 'sighting' ? reading.sighting : reading.reason
}

const anyText = fc.string({ unit: 'grapheme', maxLength: 80 })
const anyId = fc
  .stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/)
  .filter(isGatewayId)
  .map(id)

describe('announcementOf()', () => {
  test('has the four keys of the bash version, and the clan key', () => {
    const announcement = announcementOf(
      anIdentity({ name: 'My Mini', leadNumber: 7, sshPort: 2222, clanKey }),
    )

    expect(announcement.txt).toEqual([
      'gateway=mini',
      'name=My Mini',
      'lead=7',
      'version=2.0.0',
      `id=${clanKey}`,
    ])
    expect(announcement.port).toBe(2222)
  })

  test('leaves the clan key out until there is one', () => {
    expect(announcementOf(anIdentity()).txt.filter(item => item.startsWith('id='))).toEqual([])
  })

  test('is read back as it was meant, whatever the name', () => {
    fc.assert(
      fc.property(
        anyText,
        anyId,
        fc.integer({ min: 0, max: 9999 }),
        fc.integer({ min: 1, max: 65_535 }),
        (text, gatewayId, leadNumber, sshPort) => {
          const name = safeName(text, gatewayId)
          const { port, txt: items } = announcementOf(
            anIdentity({ name, gatewayId, leadNumber, sshPort, clanKey }),
          )

          const sighting = sightingOf(heard({ port, txt: items.map(bytes) }))

          expect(items.every(item => utf8Length(item) <= 255)).toBe(true)
          expect(sighting).toMatchObject({ gatewayId, leadNumber, port: sshPort, clanKey })
          // Only a name of 64 four-byte characters does not fit beside its key.
          expect(sighting).toMatchObject({ name: safeName(truncateUtf8(name, 250), gatewayId) })
        },
      ),
    )
  })
})

describe('parseSighting()', () => {
  test('reads what the bash version announces', () => {
    expect(sightingOf(heard())).toEqual({
      gatewayId: 'mini',
      name: 'Mini',
      leadNumber: 1,
      ip: '10.0.0.1',
      port: 22,
      version: '2.0.0',
      sourceIp: '10.0.0.1',
    })
  })

  test.each([
    ['a path', txt('gateway=../../evil')],
    ['no id', txt('name=x')],
    ['an empty id', txt('gateway=')],
    ['an id of 65', txt(`gateway=${'a'.repeat(65)}`)],
    ['an escape code', txt('gateway=a\u001b[2Jb')],
    ['a later honest id', txt('gateway=../x', 'gateway=mini')],
    ['bytes that are no text', heard({ txt: [Uint8Array.of(0x67, 0xff, 0xfe)] })],
    [
      'its id beyond the 32nd item',
      txt(...Array.from({ length: 32 }, (_, at) => `x${at}=1`), 'gateway=mini'),
    ],
  ])('refuses %s', (_, service) => {
    expect(sightingOf(service)).toBe('no valid gateway id')
  })

  test.each([
    '0.0.0.0',
    '224.0.0.251',
    '255.255.255.255',
    '127.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    'a.b.c.d',
    '1.2.3.999',
    '',
  ])('refuses the address "%s"', address => {
    expect(sightingOf(heard({ addresses: [address] }))).toBe('no usable address')
  })

  test('takes loopback only from loopback', () => {
    expect(sightingOf(heard({ addresses: ['127.0.0.1'], sourceIp: '127.0.0.1' }))).toMatchObject({
      ip: '127.0.0.1',
    })
  })

  test('prefers the address the packet came from', () => {
    const addresses = ['169.254.1.1', '10.0.0.9']

    expect(sightingOf(heard({ addresses, sourceIp: '10.0.0.9' }))).toMatchObject({ ip: '10.0.0.9' })
    expect(sightingOf(heard({ addresses, sourceIp: '10.0.0.1' }))).toMatchObject({
      ip: '169.254.1.1',
      sourceIp: '10.0.0.1',
    })
  })

  test.each([0, -1, 65_536, 22.5, Number.NaN])('refuses port %s', port => {
    expect(sightingOf(heard({ port }))).toBe('no valid port')
  })

  test.each(['0', '-1', '10000', '01', '1e3', ' 1', 'one', '', '1.5'])('lead "%s" never leads', lead => {
    expect(sightingOf(txt('gateway=mini', `lead=${lead}`))).toMatchObject({ leadNumber: 0 })
  })

  test('a missing lead never leads', () => {
    expect(sightingOf(txt('gateway=mini'))).toMatchObject({ leadNumber: 0, name: 'Mini', version: '' })
  })

  test.each(['id=SHA256:short', 'id=', 'id=MD5:00', `id=${clanKey}x`])(
    'leaves out the clan key of "%s"',
    item => {
      expect(sightingOf(txt('gateway=mini', item))).not.toHaveProperty('clanKey')
    },
  )

  test('reads keys in any case', () => {
    expect(sightingOf(txt('Gateway=mini', 'LEAD=3'))).toMatchObject({ gatewayId: 'mini', leadNumber: 3 })
  })

  test('never throws and never lets an unsafe character through', () => {
    const items = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc
          .tuple(
            fc.constantFrom('gateway=', 'name=', 'lead=', 'version=', 'id='),
            fc.string({ unit: 'binary', maxLength: 300 }),
          )
          .map(([key, text]) => bytes(key + text)),
      ),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(
        items,
        fc.string({ unit: 'binary' }),
        fc.array(fc.string(), { maxLength: 4 }),
        fc.integer(),
        (record, instance, addresses, port) => {
          const reading = parseSighting(
            heard({
              txt: [...record, bytes('gateway=mini')],
              instance,
              addresses: [...addresses, '10.0.0.1'],
              port,
            }),
          )

          if (reading.kind === 'refused') return
          const { name, version, gatewayId, ip } = reading.sighting
          expect([name, version].every(isSafeText)).toBe(true)
          expect([...name].length).toBeLessThanOrEqual(64)
          expect(isGatewayId(gatewayId) && isIpv4(ip)).toBe(true)
        },
      ),
    )
  })
})

describe('parseGatewayListing()', () => {
  test('takes the name from TXT, address and port from A and SRV', () => {
    const listing = parseGatewayListing(
      heard({
        port: 18_789,
        txt: ['role=gateway', 'displayName=Studio \u001b[1m', 'gatewayPort=1', 'lanHost=evil.local'].map(
          bytes,
        ),
      }),
    )

    expect(listing).toEqual({ name: 'Studio [1m', ip: '10.0.0.1', port: 18_789 })
  })

  test('falls back to the instance name', () => {
    expect(parseGatewayListing(heard({ txt: [] }))).toMatchObject({ name: 'Mini' })
  })

  test('is nothing without port or address', () => {
    expect(parseGatewayListing(heard({ port: 0 }))).toBeUndefined()
    expect(parseGatewayListing(heard({ addresses: [] }))).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withGrant } from '../../../src/fleet/authorized-keys.ts'
import { withoutPrograms } from '../../../src/fleet/own-entries.ts'
import { idsWithGate, withoutGate } from '../../../src/fleet/own-grants.ts'
import { withEntry } from '../../../src/fleet/schedule.ts'
import { id } from '../../support/builders.ts'
import { aKey } from '../../support/public-keys.ts'

const RUNS = process.env.CLAW_TEST_LONG === '1' ? 5_000 : 100

/** Folders `bin` of homes that are easily taken for one another. */
const BINS = [
  '/home/claw/.openclaw/claw-clan/bin',
  '/home/claw/.openclaw/claw-clan/bin2/bin',
  '/srv/.openclaw/claw-clan/bin',
  '/mnt/home/claw/.openclaw/claw-clan/bin',
  '/home/it\'s 100% "mine"/$(id)/bin',
  '/home/Büro/bin',
]
const bin = fc.constantFrom(...BINS)
const peer = fc.constantFrom('gw1', 'gw10', 'GW1', 'studio')

const foreign = fc
  .array(
    fc.oneof(
      fc.string({
        unit: fc.integer({ min: 1, max: 255 }).map(code => String.fromCharCode(code)),
        maxLength: 40,
      }),
      fc.constantFrom(
        '# BEGIN claw-clan gw1 was here',
        '*/5 * * * * /home/claw/.openclaw/claw-clan/bin/claw-ping',
        '0 3 * * * echo 100\\%done # claw-clan',
        'ssh-ed25519 AAAA claw-clan:gw1',
        'command="/home/claw/.openclaw/claw-clan/bin/claw-peer" ssh-ed25519 AAAA',
        'MAILTO=me',
        '',
      ),
    ),
    { maxLength: 12 },
  )
  .map(lines => lines.map(line => line.replaceAll('\n', ' ')))
  .chain(lines => fc.constantFrom('\n', '\r\n').map(end => lines.join(end)))

const entryOf = (folder: string) => ({
  argv: [`${folder}/claw-ping`, '--scheduled'],
  logs: '/var/log/claw',
  log: 'ping.log' as const,
  key: 'ping' as const,
  times: ['7 * * * *'],
})

describe('uninstalling one home', () => {
  test('takes its lines out of a crontab and leaves every other byte, other homes included', () => {
    fc.assert(
      fc.property(foreign, bin, bin, peer, peer, (text, own, other, ownId, otherId) => {
        fc.pre(own !== other && ownId.toLowerCase() !== otherId.toLowerCase())
        const before = withEntry(text, id(otherId), entryOf(other))
        const after = withEntry(before, id(ownId), entryOf(own))

        const { rest, removed } = withoutPrograms(after, own)

        expect(rest).toBe(before)
        expect(removed).toHaveLength(1)
        expect(withoutPrograms(rest, own)).toEqual({ rest, removed: [] })
      }),
      { numRuns: RUNS },
    )
  })

  test('takes the rights to its gate out of authorized_keys and leaves every other byte', () => {
    fc.assert(
      fc.property(
        foreign,
        bin,
        bin,
        fc.uniqueArray(peer, { selector: name => name.toLowerCase() }),
        (text, own, other, ids) => {
          fc.pre(own !== other)
          const grant = (gate: string, name: string) => ({
            gatewayId: id(name),
            gate: `${gate}/claw-peer`,
            key: aKey(name),
          })
          const before = withGrant(text, grant(other, 'elsewhere'))
          const after = ids.reduce((now, name) => withGrant(now, grant(own, name)), before)

          expect(idsWithGate(after, `${own}/claw-peer`).toSorted()).toEqual(ids.toSorted())
          expect(withoutGate(after, `${own}/claw-peer`)).toBe(before)
          expect(withoutGate(before, `${own}/claw-peer`)).toBe(before)
        },
      ),
      { numRuns: RUNS },
    )
  })

  test('finds the block also when the home no longer knows its id, and with it a monitor', () => {
    const monitor = {
      ...entryOf('/h/bin'),
      argv: ['/h/bin/claw-monitor', 'gw1'],
      key: `monitor ${id('gw1')}` as const,
    }
    const text = withEntry(withEntry('mine\n', id('former'), entryOf('/h/bin')), id('former'), monitor)

    expect(withoutPrograms(text, '/h/bin').rest).toBe('mine\n')
  })

  test('takes a right whose markers somebody removed, and keeps a line put between markers', () => {
    const text = withGrant('', { gatewayId: id('gw1'), gate: '/h/bin/claw-peer', key: aKey('a') })
    const [begin, line, end] = text.split('\n')

    expect(withoutGate(`first\n${line}\nlast`, '/h/bin/claw-peer')).toBe('first\nlast')
    expect(withoutGate(`${begin}\nmine\n${line}\n${end}\n`, '/h/bin/claw-peer')).toBe('mine\n')
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockIds } from '../../../src/fleet/marked-block.ts'
import {
  type CronEntry,
  type EntryKey,
  entryLines,
  withEntry,
  withoutEntries,
  withoutEntry,
  withoutFormerBlocks,
} from '../../../src/fleet/schedule.ts'
import { id } from '../../support/builders.ts'

const entryOf = (key: EntryKey, time = '7 * * * *', bin = '/h/bin'): CronEntry => ({
  key,
  times: [time],
  argv: [`${bin}/claw-${key.split(' ')[0]}`],
  logs: '/h/logs',
  log: 'x.log',
})
const line = (owner: string, key: EntryKey, time = '7 * * * *') =>
  `${time} /bin/sh -c 'umask 077; mkdir -p "$0"; exec "$@" >>"$0"/x.log 2>&1' /h/logs /h/bin/claw-${key.split(' ')[0]} # claw-clan ${owner} ${key}\n`
const block = (owner: string, ...lines: string[]) =>
  `# BEGIN claw-clan ${owner}\n${lines.join('')}# END claw-clan ${owner}\n`
const mini = id('mini')
const monitor = (name: string): EntryKey => `monitor ${id(name)}`

test.each([
  ['comments and variables', '# mine\nSHELL=/bin/false\nMAILTO=""\n5 4 * * * true\n'],
  ['CRLF', '# mine\r\n5 4 * * * true\r\n'],
  ['"%"', '5 4 * * * mail -s hi me%hello%\n'],
  ['no final newline', '5 4 * * * true'],
  ['bytes that are no UTF-8, and NUL', '# \xfc\x80\0\n'],
  ['lines that mention claw-clan', '# END claw-clan mini\n* * * * * true # claw-clan mini ping\n'],
  ['nothing but a blank line', '\n'],
])('a crontab with %s gets our block before everything, and is itself again without it', (_what, text) => {
  const scheduled = withEntry(text, mini, entryOf('ping'))

  expect(scheduled).toBe(block('mini', line('mini', 'ping')) + text)
  expect(withoutEntry(scheduled, mini, 'ping')).toBe(text)
})

test('every line of the block contains claw-clan', () => {
  const text = withEntry(withEntry('', mini, entryOf('ping')), mini, entryOf(monitor('gw1')))

  expect(text.trimEnd().split('\n')).toHaveLength(4)
  for (const each of text.trimEnd().split('\n')) expect(each).toContain('claw-clan')
})

test('an entry is replaced where it stands; several times are several lines', () => {
  const before = ['ping', monitor('gw1')] as const
  const text = before.reduce((now, key) => withEntry(now, mini, entryOf(key)), 'mine\n')
  const ping = { ...entryOf('ping'), times: ['1 0 * * *', '2 1 * * *'] }

  expect(withEntry(text, mini, ping)).toBe(
    `${block('mini', line('mini', 'ping', '1 0 * * *'), line('mini', 'ping', '2 1 * * *'), line('mini', monitor('gw1')))}mine\n`,
  )
})

test('the monitor of gw1 goes, the one of gw10 stays', () => {
  const text = [monitor('gw1'), monitor('gw10')].reduce((now, key) => withEntry(now, mini, entryOf(key)), '')

  expect(withoutEntry(text, mini, monitor('GW1'))).toBe(block('mini', line('mini', monitor('gw10'))))
})

test('the blocks of two homes never mix, also when an end marker was lost', () => {
  const text =
    block('mini', line('mini', 'ping')).replace('# END claw-clan mini\n', '') +
    block('minimal', line('minimal', 'ping'))

  expect(withoutEntries(text, mini)).toBe(block('minimal', line('minimal', 'ping')))
  expect(entryLines(text, mini, 'ping')).toEqual([line('mini', 'ping').trimEnd()])
})

test('a foreign line inside our block survives', () => {
  const text = `# BEGIN claw-clan mini\nPATH=/x\n${line('mini', 'ping')}5 4 * * * true\n# END claw-clan mini\n`

  expect(withoutEntry(text, mini, 'ping')).toBe('PATH=/x\n5 4 * * * true\n')
})

test('an entry of a newer version goes with its block', () => {
  const text = block('mini', line('mini', 'ping').replace('mini ping', 'mini watch all'))

  expect(withoutEntries(text, mini)).toBe('')
})

test('the block this home left under its former id goes; that of another home stays', () => {
  const former = withEntry('mine\n', id('old'), entryOf('ping'))
  const both = withEntry(former, id('other'), entryOf('ping', '7 * * * *', '/elsewhere/bin'))
  const now = withoutFormerBlocks(withEntry(both, mini, entryOf('ping')), mini, '/h/bin/claw-ping')

  expect(blockIds(now)).toEqual(['mini', 'other'])
  expect(withoutEntries(withoutEntries(now, mini), id('other'))).toBe('mine\n')
})

describe('any crontab, any order of edits', () => {
  const owners = ['mini', 'mini2', 'MAC'] as const
  const keys = ['ping', 'check', monitor('gw1'), monitor('gw10'), monitor('g.1')] as const
  const foreignLine = fc.oneof(
    fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)),
      maxLength: 60,
    }),
    fc.constantFrom(
      ...[
        '# BEGIN claw-clan studio',
        '# END claw-clan mini',
        '# BEGIN claw-clan mini ',
        '#BEGIN claw-clan mini',
      ],
      ...['5 4 * * * true # claw-clan', '* * * * * x # claw-clan studio ping', '# claw-clan mini', '', '\r'],
      ...[
        'SHELL=/bin/csh',
        'MAILTO=""',
        '@reboot x',
        '5 4 * * * a%b%c',
        '*/15 * * * * x/claw-monitor.sh gw1',
      ],
    ),
  )
  // Our own tagged lines would be ours inside a block; random text never makes them, nor a begin marker.
  const foreignText = fc
    .tuple(fc.array(foreignLine, { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([lines, end, hasFinal]) => lines.join(end) + (hasFinal ? end : ''))
  const edits = fc.array(
    fc.record({
      owner: fc.constantFrom(...owners),
      key: fc.constantFrom(...keys),
      time: fc.constantFrom('1 * * * *', '2 * * * *'),
      adds: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  const numRuns = process.env.CLAW_TEST_LONG === '1' ? 100_000 : 2000

  test('foreign bytes stay, each entry stands once, twice is once', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(foreignText, edits, (foreign, steps) => {
        const standing = new Map<string, string>()
        let text = foreign
        for (const { owner, key, time, adds } of steps) {
          const edit = (now: string) =>
            adds ? withEntry(now, id(owner), entryOf(key, time)) : withoutEntry(now, id(owner), key)
          text = edit(text)
          expect(edit(text)).toBe(text)
          if (adds) standing.set(`${owner} ${key}`, line(owner, key, time))
          else standing.delete(`${owner} ${key}`)
        }
        for (const each of standing.values()) expect(text.split(each)).toHaveLength(2)
        expect(owners.reduce((now, owner) => withoutEntries(now, id(owner)), text)).toBe(foreign)
      }),
      { numRuns },
    )
  })

  test('5,000 lines are edited in one go', () => {
    const text = Array.from({ length: 5000 }, (_, n) => `${n % 60} * * * * job${n}`).join('\n')

    expect(withoutEntry(withEntry(text, mini, entryOf('ping')), mini, 'ping')).toBe(text)
  })
})

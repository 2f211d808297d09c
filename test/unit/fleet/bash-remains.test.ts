import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BashHome, bashLinesOf, withoutBashLinesOf } from '../../../src/fleet/bash-remains.ts'

const HOME = '/Users/mark/.openclaw/claw-clan'
const usual: BashHome = { homes: [HOME, '/real/claw-clan'], isUsual: true, keptScripts: [] }
const ping = (home: string) =>
  `*/15 * * * * ${home}/scripts/claw-ping.sh >> ${home}/logs/ping.log 2>&1 # claw-clan`
const monitor = `*/5 * * * * ${HOME}/scripts/claw-monitor.sh gw1 # claw-clan`

test.each<{ what: string; line: string; of?: Partial<BashHome>; taken: boolean }>([
  { what: 'its ping by an absolute path', line: ping(HOME), taken: true },
  { what: 'its ping by $HOME', line: ping('$HOME/.openclaw/claw-clan'), taken: true },
  { what: 'its ping by ~', line: ping('~/.openclaw/claw-clan'), taken: true },
  { what: 'its ping by the path behind a link', line: ping('/real/claw-clan'), taken: true },
  { what: 'its monitor', line: monitor, taken: true },
  {
    what: 'a monitor we have no program for',
    line: monitor,
    of: { keptScripts: ['claw-monitor.sh'] },
    taken: false,
  },
  { what: 'the ping of another home', line: ping('/srv/other/claw-clan'), taken: false },
  {
    what: 'the ping of the usual home, seen from another',
    line: ping('~/.openclaw/claw-clan'),
    of: { homes: ['/srv/other/claw-clan'], isUsual: false },
    taken: false,
  },
  { what: 'a comment', line: `# ${ping(HOME)}`, taken: false },
  { what: 'our own block', line: `7 * * * * '${HOME}/bin/claw-ping' --scheduled # claw-clan`, taken: false },
  { what: "the owner's own line", line: `0 4 * * * tar c ${HOME}`, taken: false },
])('$what: $taken', ({ line, of, taken }) => {
  const crontab = `MAILTO=me\n${line}\n0 0 * * * backup\n`

  expect(bashLinesOf(crontab, { ...usual, ...of })).toEqual(taken ? [line] : [])
  expect(withoutBashLinesOf(crontab, { ...usual, ...of })).toBe(
    taken ? 'MAILTO=me\n0 0 * * * backup\n' : crontab,
  )
})

test('whatever else is in a crontab stays, byte by byte', () => {
  const foreign = fc.oneof(
    fc.string(),
    fc.constantFrom('', '# claw-clan', '0 0 * * * echo 50% done', 'claw-clan/scripts/claw-ping.sh', '\r'),
  )
  const line = foreign.map(text => text.replaceAll('\n', ''))
  const end = fc.constantFrom('\n', '\r\n')
  const runs = process.env.CLAW_TEST_LONG === '1' ? 100_000 : 1_000

  fc.assert(
    fc.property(fc.array(fc.tuple(line, end)), fc.nat(), fc.boolean(), (lines, at, isLast) => {
      const parts = lines.map(([text, ending]) => `${text}${ending}`)
      const where = at % (parts.length + 1)
      const own = `${ping(HOME)}${isLast && where === parts.length ? '' : '\n'}`

      expect(withoutBashLinesOf([...parts.slice(0, where), own, ...parts.slice(where)].join(''), usual)).toBe(
        parts.join(''),
      )
    }),
    { numRuns: runs },
  )
})

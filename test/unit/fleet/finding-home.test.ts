import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../src/fleet/finding.ts'
import {
  type HomeEntry,
  judgeDisk,
  judgeLeftovers,
  judgePermissions,
  judgeRecords,
  judgeSettings,
} from '../../../src/fleet/finding-home.ts'

const HOME = '/h/claw-clan'
const user = { uid: 501, name: 'mark' }
const entry = (path: string, facts: Partial<HomeEntry> = {}): HomeEntry => ({
  path: `${HOME}/${path}`,
  kind: 'file',
  mode: 0o600,
  uid: 501,
  ageMs: 3_600_000,
  ...facts,
})
const short = (findings: readonly Finding[]) => findings.map(({ id, severity, next }) => [id, severity, next])

describe('judgePermissions()', () => {
  const judge = (...entries: readonly HomeEntry[]) =>
    judgePermissions({ home: HOME, user, entries, isCut: false })

  test.each<[string, HomeEntry, string, string | null]>([
    ['a private file is fine', entry('state.json'), 'ok', null],
    ['a private program is fine', entry('bin/claw-ping', { mode: 0o700 }), 'ok', null],
    [
      'a socket and a link have no mode that counts',
      entry('x.sock', { kind: 'other', mode: 0o777 }),
      'ok',
      null,
    ],
    ['others can read a file', entry('state.json', { mode: 0o644 }), 'warning', `chmod -R go= ${HOME}`],
    [
      'others can enter a folder',
      entry('keys', { kind: 'folder', mode: 0o711 }),
      'warning',
      `chmod -R go= ${HOME}`,
    ],
    ['the group can write', entry('bin', { kind: 'folder', mode: 0o770 }), 'problem', `chmod -R go= ${HOME}`],
    ['root owns it', entry('journal.db', { uid: 0 }), 'problem', `sudo chown -R mark ${HOME}`],
  ])('%s', (_what, one, severity, next) => {
    expect(short(judge(entry('a'), one))).toEqual([['permissions', severity, next]])
  })

  test('all open files are one finding, and the fix takes away exactly the rights of others', () => {
    const [finding] = judge(
      entry('a', { mode: 0o644 }),
      entry('b', { kind: 'folder', mode: 0o755 }),
      entry('c'),
    )

    expect(finding?.message).toBe(`Others can read "${HOME}/a", "${HOME}/b"`)
    expect(finding?.fix).toEqual({
      kind: 'modes',
      files: [
        { path: `${HOME}/a`, mode: 0o600 },
        { path: `${HOME}/b`, mode: 0o700 },
      ],
    })
  })

  test('what belongs to somebody else is not chmodded', () => {
    expect(judge(entry('a', { uid: 0, mode: 0o644 })).flatMap(({ fix }) => fix ?? [])).toEqual([])
  })

  test('a home too large to look through says so', () => {
    const findings = judgePermissions({ home: HOME, user, entries: [entry('a')], isCut: true })

    expect(short(findings)).toEqual([['permissions', 'note', null]])
  })
})

describe('judgeLeftovers()', () => {
  test.each([
    ['.state.json.2s-1x9k3.tmp', true],
    ['known_hosts.0123456789abcdef.tmp', true],
    ['keys/id_ed25519.0123456789abcdef.new', true],
    ['keys/id_ed25519.0123456789abcdef.new.pub', true],
    ['notes.tmp', false],
    ['.mine.old.tmp', false],
    ['keys/id_ed25519', false],
    ['peers/a.json', false],
  ])('%s is left by a killed run: %s', (name, isLeft) => {
    const findings = judgeLeftovers({ entries: [entry(name)] })

    expect(findings.flatMap(({ fix }) => fix ?? [])).toEqual(
      isLeft ? [{ kind: 'sweep', paths: [`${HOME}/${name}`] }] : [],
    )
  })

  test('a file that is being written now is left alone', () => {
    expect(short(judgeLeftovers({ entries: [entry('.a.json.1-2.tmp', { ageMs: 5000 })] }))).toEqual([
      ['leftovers', 'ok', null],
    ])
  })

  test('a damaged file that was set aside is shown and never swept', () => {
    const path = 'peers/x.json.corrupt-20261120T101010.000Z'

    const findings = judgeLeftovers({ entries: [entry(path)] })

    expect(short(findings)).toEqual([['set-aside', 'note', `look at it, then rm ${HOME}/${path}`]])
    expect(findings[0]?.fix).toBeUndefined()
  })
})

test.each([
  [2 ** 40, 1e6, 'ok'],
  [2 ** 40, undefined, 'ok'],
  [400 * 2 ** 20, 1e6, 'warning'],
  [99 * 2 ** 20, 1e6, 'problem'],
  [2 ** 40, 999, 'problem'],
])('%i bytes and %s files free: %s', (freeBytes, freeFiles, severity) => {
  expect(judgeDisk({ home: HOME, freeBytes, freeFiles }).map(each => each.severity)).toEqual([severity])
})

test('each record that does not read is a problem with its own next step', () => {
  const damaged = [
    { message: 'Cannot use "a"', hint: undefined },
    { message: 'Cannot use "b"', hint: 'rm b' },
  ]

  expect(short(judgeRecords(damaged, 2))).toEqual([
    ['records', 'problem', 'claw-ping sets it aside and takes what fleet.json has'],
    ['records', 'problem', 'rm b'],
  ])
  expect(short(judgeRecords([], 2))).toEqual([['records', 'ok', null]])
})

test('settings: bad values are problems, unknown keys and files that are never read are notes', () => {
  const findings = judgeSettings({
    problems: [{ message: 'Cannot use 900', hint: 'Correct it' }],
    unknownKeys: ['colour'],
    ignored: ['/w/.config/config.ts'],
    file: '/h/config.json',
  })

  expect(short(findings)).toEqual([
    ['settings', 'problem', 'Correct it'],
    ['settings', 'note', 'look at /h/config.json'],
    ['foreign-config', 'note', 'remove it, unless it is for another program'],
  ])
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Grant, withGrant, withoutGrant } from '../../../src/fleet/authorized-keys.ts'
import { publicKeyText } from '../../../src/fleet/public-key.ts'
import { id } from '../../support/builders.ts'
import { aKey } from '../../support/public-keys.ts'

const gate = '/home/claw/.openclaw/claw-clan/bin/claw-peer'
const grantOf = (name: string, seed = name): Grant => ({ gatewayId: id(name), gate, key: aKey(seed) })
const blockOf = (name: string, seed = name) =>
  `# BEGIN claw-clan ${name}\nrestrict,command="${gate}" ${publicKeyText(aKey(seed))} claw-clan:${name}\n# END claw-clan ${name}\n`

test('withGrant() binds the key to the gate and nothing else, in a marked block', () => {
  expect(withGrant('', grantOf('mini'))).toBe(blockOf('mini'))
})

test.each([
  ['no final newline', 'ssh-rsa AAAA me@laptop'],
  ['CRLF line ends', 'ssh-rsa AAAA me@laptop\r\n# note\r\n'],
  ['bytes that are no UTF-8', 'ssh-rsa AAAA b\xfcro\n\x80\xff\n'],
  ['lines that mention claw-clan', '# claw-clan:mini\nssh-rsa AAAA claw-clan:mini\n# END claw-clan mini\n'],
  ['blank lines and comments', '\n\n# hello\n\n'],
])('withGrant() and back leaves a file with %s byte for byte', (_what, text) => {
  const granted = withGrant(text, grantOf('mini'))

  expect(granted).toBe(`${blockOf('mini')}${text}`)
  expect(withoutGrant(granted, id('mini'))).toBe(text)
})

test('withGrant() replaces a key where its block stands', () => {
  const text = `first\n${blockOf('mini', 'old')}last`

  expect(withGrant(text, grantOf('mini', 'new'))).toBe(`first\n${blockOf('mini', 'new')}last`)
})

test('an id is matched whole: "mac" is not "mac-mini", and "MAC" is "mac"', () => {
  const text = `${blockOf('mac-mini')}${blockOf('mac')}`

  expect(withoutGrant(text, id('MAC'))).toBe(blockOf('mac-mini'))
})

test('a foreign line inside our markers survives the removal', () => {
  const [begin, grant, end] = blockOf('mini').split('\n')
  const text = `${begin}\nssh-rsa AAAA mine\n${grant}\n${end}\n`

  expect(withoutGrant(text, id('mini'))).toBe('ssh-rsa AAAA mine\n')
})

test('a block whose end marker was lost costs no foreign line', () => {
  const [begin, grant] = blockOf('mini').split('\n')
  const text = `${begin}\n${grant}\nssh-rsa AAAA mine\n# note`

  expect(withoutGrant(text, id('mini'))).toBe('ssh-rsa AAAA mine\n# note')
})

test('a block that an editor turned to CRLF is still ours', () => {
  expect(withoutGrant(`a\r\n${blockOf('mini').replaceAll('\n', '\r\n')}b\r\n`, id('mini'))).toBe('a\r\nb\r\n')
})

test.each([
  ['/home/My Mac/bin/claw-peer', `restrict,command="'/home/My Mac/bin/claw-peer'" `],
  [`/home/o'neil/claw-peer`, `restrict,command="'/home/o'\\''neil/claw-peer'" `],
  ['/home/a"b/claw-peer', `restrict,command="'/home/a\\"b/claw-peer'" `],
  ['/home/$(id)/claw-peer', `restrict,command="'/home/$(id)/claw-peer'" `],
])('a gate at %s is one word of the shell and one option of sshd', (path, expected) => {
  expect(withGrant('', { ...grantOf('mini'), gate: path })).toContain(expected)
})

test.each(['bin/claw-peer', '/a\nb/claw-peer', '/a\\b/claw-peer', '/a\u202eb/claw-peer'])(
  'a gate at %j is refused',
  path => {
    expect(() => withGrant('', { ...grantOf('mini'), gate: path })).toThrow(/absolute path/)
  },
)

describe('any file, any order of edits', () => {
  const ids = ['mac', 'mac-mini', 'Studio', 'a.b', 'x'] as const
  const foreignLine = fc.oneof(
    fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)),
      maxLength: 60,
    }),
    fc.constantFrom(
      ...['# BEGIN claw-clan other', '# END claw-clan mac', '# BEGIN claw-clan mac ', '#BEGIN claw-clan mac'],
      ...['ssh-rsa AAAA claw-clan:mac', `restrict,command="/x" ssh-rsa AAAA claw-clan:mac`, '', '\r', ' # x'],
    ),
  )
  const isForeign = (line: string) =>
    !ids.some(name => new RegExp(`^# BEGIN claw-clan ${name}\\r?$`, 'i').test(line))
  const foreignText = fc
    .tuple(fc.array(foreignLine, { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([lines, end, hasFinal]) => lines.join(end) + (hasFinal ? end : ''))
    .filter(text => text.split('\n').every(isForeign))
  const edits = fc.array(
    fc.record({ name: fc.constantFrom(...ids), seed: fc.constantFrom('1', '2'), adds: fc.boolean() }),
    { maxLength: 12 },
  )
  const numRuns = process.env.CLAW_TEST_LONG === '1' ? 100_000 : 300

  test('foreign bytes stay, each grant stands once, twice is once', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(foreignText, edits, (foreign, steps) => {
        const standing = new Map<string, string>()
        let text = foreign
        for (const { name, seed, adds } of steps) {
          const edit = (now: string) =>
            adds ? withGrant(now, grantOf(name, seed)) : withoutGrant(now, id(name))
          text = edit(text)
          expect(edit(text)).toBe(text)
          if (adds) standing.set(name, seed)
          else standing.delete(name)
        }
        const blocks = [...standing].map(([name, seed]) => blockOf(name, seed))
        for (const block of blocks) expect(text.split(block)).toHaveLength(2)
        expect(text.length).toBe(foreign.length + blocks.join('').length)
        expect(ids.reduce((now, name) => withoutGrant(now, id(name)), text)).toBe(foreign)
      }),
      { numRuns },
    )
  })

  test('5,000 lines are edited in one go', () => {
    const text = Array.from({ length: 5000 }, (_, n) => `ssh-rsa AAAA${n} user${n}@host`).join('\n')

    expect(withoutGrant(withGrant(text, grantOf('mini')), id('mini'))).toBe(text)
  })
})

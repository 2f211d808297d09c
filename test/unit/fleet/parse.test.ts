import fc from 'fast-check'
import { expect, test } from 'vitest'
import { field, isGatewayId, parseValue, parseWholeNumber } from '../../../src/fleet/parse.ts'
import { isSafeText, printable, safeName } from '../../../src/fleet/text.ts'

test.each(['a', 'A1', 'Marks-Mac-Studio', 'a.b_c-d', 'x'.repeat(64)])('"%s" is a gateway id', text => {
  expect(isGatewayId(text)).toBe(true)
})

test.each([
  '',
  '.',
  '..',
  '../evil',
  'a/b',
  'a\\b',
  'a..b',
  '-a',
  'a-',
  '.a',
  'a.',
  ' a',
  'a b',
  'a\n',
  'a\u0000',
  'é',
  '$(x)',
  "a'b",
  'x'.repeat(65),
  'a%2fb',
  'ａ',
  'a\u202eb',
  '__proto__',
])('%j is no gateway id', text => {
  expect(isGatewayId(text)).toBe(false)
})

test('whatever passes as an id is one file name and one shell word', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 70 }), text => {
      if (isGatewayId(text)) expect(text).toMatch(/^[\w.-]+$/)
    }),
  )
})

test.each([
  { what: field.leadNumber, value: 0, source: '--lead', allowed: 'a whole number from 1 to 9999' },
  { what: field.leadNumber, value: 1.5, source: '--lead', allowed: 'a whole number from 1 to 9999' },
  { what: field.port, value: 65_536, source: '--port', allowed: 'a whole number from 1 to 65535' },
  { what: field.sshUser, value: '-oProxyCommand=x', source: 'USER', allowed: 'a login name' },
  { what: field.host, value: '-oProxyCommand=x', source: 'HOST', allowed: 'an IP address or a host name' },
  { what: field.host, value: '$(touch /tmp/x)', source: 'HOST', allowed: 'an IP address or a host name' },
  { what: field.name, value: 'a\u001b]0;x\u0007', source: '--name', allowed: '1 to 64 characters' },
  { what: field.name, value: 7, source: '--name', allowed: 'a string' },
  { what: field.repository, value: '--upload-pack=x', source: '--repo', allowed: 'a git address' },
])(
  '$value for $source is refused in one line that says what is allowed',
  ({ what, value, source, allowed }) => {
    const refuse = () => parseValue(what, value, source)

    expect(refuse).toThrow(expect.objectContaining({ code: 'bad-input' }))
    expect(refuse).toThrow(source)
    expect(refuse).toThrow(allowed)
    expect(refuse).not.toThrow(/\p{Cc}/u)
  },
)

test.each(['', ' ', '1e3', '0x10', '1.0', '-1', '+1', '१', '99999999999999999999'])(
  '%j is no whole number on a command line',
  text => {
    expect(() => parseWholeNumber(text, 1, 9999, '--lead')).toThrow('a whole number from 1 to 9999')
  },
)

test('printable() leaves no control, bidi or zero-width character but the line feed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(isSafeText(printable(text).replaceAll('\n', ''))).toBe(true)
    }),
  )
})

test('printable() shows what it replaced', () => {
  expect(printable('a\u001b[31mb\u202ec\u0085')).toBe('a\\x1b[31mb\\u202ec\\x85')
})

test.each([
  ['Büro 東京 🦞', 'Büro 東京 🦞'],
  ['a\u001b]52;c;x\u0007b', 'a]52;c;xb'],
  ['\u202e\u0000', 'fallback'],
  ['🦞'.repeat(70), '🦞'.repeat(64)],
])('safeName(%j)', (text, name) => {
  expect(safeName(text, 'fallback')).toBe(name)
})

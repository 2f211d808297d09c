import { expect, test } from 'vitest'
import { legacyChallenge, shellQuote } from '../../../src/fleet/remote.ts'

test.each([
  { text: '', quoted: "''" },
  { text: 'plain', quoted: "'plain'" },
  { text: "it's", quoted: "'it'\\''s'" },
  { text: '$(touch /tmp/x) `id` "$HOME" \\ \n', quoted: '\'$(touch /tmp/x) `id` "$HOME" \\ \n\'' },
])('shellQuote() makes one word of $text', ({ text, quoted }) => {
  expect(shellQuote(text)).toBe(quoted)
})

test('shellQuote() refuses a NUL, which no shell can say', () => {
  expect(() => shellQuote('a\0b')).toThrow(expect.objectContaining({ code: 'bad-input' }))
})

test('legacyChallenge() differs from probe to probe in the nonce only', () => {
  const text = legacyChallenge('ab12')

  expect(text).toBe(
    'exec /bin/sh -c \'printf "claw-clan-ack %s %s 0\\n" ab12 "$(date +%s)"; ' +
      'id=$(sed -n "s/.*\\"gatewayId\\"[[:space:]]*:[[:space:]]*\\"\\([^\\"]*\\)\\".*/\\1/p" ' +
      '"$HOME/.openclaw/claw-clan/state.json" 2>/dev/null | head -n 1); ' +
      'if [ -n "$id" ]; then printf "gateway %s\\n" "$id"; else printf "host %s\\n" "$(uname -n)"; fi\'',
  )
  expect(legacyChallenge('ffff').replace('ffff', 'ab12')).toBe(text)
})

test.each(['', 'AB', 'x; rm -rf /', "'", 'a'.repeat(65), 'ab\n'])(
  'legacyChallenge() refuses the nonce %j',
  nonce => {
    expect(() => legacyChallenge(nonce)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  },
)

import { ClawError } from './error.ts'
import { quoteValue } from './text.ts'

/**
 * One word of POSIX shell text that means exactly `text`.
 *
 * Single quotes only: inside them nothing is special in any POSIX shell, while `$'...'` is a dollar sign to some of
 * them. A NUL cannot be said in a shell at all.
 *
 * @throws {ClawError} `bad-input` for text with a NUL
 * @see POSIX.1-2017, Shell Command Language 2.2.2
 */
export function shellQuote(text: string): string {
  if (text.includes('\0')) {
    throw new ClawError('bad-input', `Cannot quote ${quoteValue(text)} for a shell: it contains a NUL`)
  }
  return `'${text.replaceAll("'", "'\\''")}'`
}

// Free of single quotes, so that it is one quoted word also where the login shell is csh or fish.
const ANSWER = [
  'id=$(sed -n "s/.*\\"gatewayId\\"[[:space:]]*:[[:space:]]*\\"\\([^\\"]*\\)\\".*/\\1/p"',
  '"$HOME/.openclaw/claw-clan/state.json" 2>/dev/null | head -n 1);',
  'if [ -n "$id" ]; then printf "gateway %s\\n" "$id"; else printf "host %s\\n" "$(uname -n)"; fi',
].join(' ')

/**
 * What a probe asks the login shell of a peer without our gate: an acknowledgement as the gate gives it, with
 * protocol 0, then a line `gateway <id>` from that machine's state.json, or `host <name>` without one.
 *
 * Everything is computed there, by POSIX sh, sed and date; only the nonce comes from us.
 *
 * @param nonce  1 to 64 hex digits
 * @throws {ClawError} `bad-input` for any other nonce
 */
export function legacyChallenge(nonce: string): string {
  if (!/^[0-9a-f]{1,64}$/.test(nonce)) {
    throw new ClawError(
      'bad-input',
      `Cannot use ${quoteValue(nonce)} as a nonce: it must be 1 to 64 hex digits`,
    )
  }
  return `exec /bin/sh -c 'printf "claw-clan-ack %s %s 0\\n" ${nonce} "$(date +%s)"; ${ANSWER}'`
}

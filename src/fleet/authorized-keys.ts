import { ClawError } from './error.ts'
import { asBytes, type Block, type ByteText, withBlock } from './marked-block.ts'
import { type GatewayId, idKey } from './parse.ts'
import { type PublicKey, publicKeyText } from './public-key.ts'
import { shellQuote } from './remote.ts'
import { isSafeText, quoteValue } from './text.ts'

/** Text of an authorized_keys file. */
export type KeyFileText = ByteText

/** One peer's right to reach this machine's gate, and nothing else of it. */
export type Grant = {
  readonly gatewayId: GatewayId
  /** Absolute path of this machine's `bin/claw-peer`. */
  readonly gate: string
  /** The peer's clan key. */
  readonly key: PublicKey
}

/**
 * The text with this grant in it: in the place of the peer's old block, else before everything else.
 *
 * At the top no foreign byte changes, not even a missing last newline, and sshd, which takes the first line that
 * holds a key, finds our restricted line before any unrestricted one of the same key. Twice is the same as once.
 *
 * @throws {ClawError} `bad-input` for a gate path that sshd's option syntax cannot carry
 */
export const withGrant = (text: KeyFileText, grant: Grant): KeyFileText =>
  withBlock(text, blockOf(grant.gatewayId), [asBytes(lineOf(grant))])

/** The text without this peer's block; lines that are not ours stay, also where someone put them inside it. */
export const withoutGrant = (text: KeyFileText, id: GatewayId): KeyFileText =>
  withBlock(text, blockOf(id), [])

const OPTIONS = 'restrict,command="'

const blockOf = (id: GatewayId): Block => ({
  id,
  isOurs: line => line.startsWith(OPTIONS) && idKey(line).endsWith(` claw-clan:${idKey(id)}`),
})

function lineOf({ gatewayId, gate, key }: Grant): string {
  // sshd hands the command to the login shell; a backslash or control character there means something else in each.
  if (!gate.startsWith('/') || !isSafeText(gate) || gate.includes('\\')) {
    throw new ClawError(
      'bad-input',
      `Cannot name ${quoteValue(gate)} in authorized_keys: it must be an absolute path without "\\" and control characters`,
    )
  }
  const command = (/^[\w@%+=:,./-]+$/.test(gate) ? gate : shellQuote(gate)).replaceAll('"', '\\"')
  return `${OPTIONS}${command}" ${publicKeyText(key)} claw-clan:${gatewayId}`
}

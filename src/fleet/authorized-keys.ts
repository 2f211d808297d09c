import { ClawError } from './error.ts'
import { type GatewayId, idKey } from './parse.ts'
import { type PublicKey, publicKeyText } from './public-key.ts'
import { shellQuote } from './remote.ts'
import { isSafeText, quoteValue } from './text.ts'

/**
 * Text of an authorized_keys file with one character per byte (latin1): other people's lines may hold bytes that
 * are no UTF-8, and they must come out as they went in.
 */
export type KeyFileText = string

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
export function withGrant(text: KeyFileText, grant: Grant): KeyFileText {
  const lines = markedLines(text, grant.gatewayId)
  const at = Math.max(
    0,
    lines.findIndex(({ isOurs }) => isOurs),
  )
  const kept = lines.filter(({ isOurs }) => !isOurs).map(({ line }) => line)
  return [...kept.slice(0, at), asBytes(blockOf(grant)), ...kept.slice(at)].join('')
}

/** The text without this peer's block; lines that are not ours stay, also where someone put them inside it. */
export function withoutGrant(text: KeyFileText, id: GatewayId): KeyFileText {
  return markedLines(text, id)
    .filter(({ isOurs }) => !isOurs)
    .map(({ line }) => line)
    .join('')
}

const BEGIN = '# BEGIN claw-clan '
const END = '# END claw-clan '
const OPTIONS = 'restrict,command="'

function blockOf({ gatewayId, gate, key }: Grant): string {
  // sshd hands the command to the login shell; a backslash or control character there means something else in each.
  if (!gate.startsWith('/') || !isSafeText(gate) || gate.includes('\\')) {
    throw new ClawError(
      'bad-input',
      `Cannot name ${quoteValue(gate)} in authorized_keys: it must be an absolute path without "\\" and control characters`,
    )
  }
  const command = (/^[\w@%+=:,./-]+$/.test(gate) ? gate : shellQuote(gate)).replaceAll('"', '\\"')
  const line = `${OPTIONS}${command}" ${publicKeyText(key)} claw-clan:${gatewayId}`
  return `${BEGIN}${gatewayId}\n${line}\n${END}${gatewayId}\n`
}

type MarkedLine = { readonly line: string; readonly isOurs: boolean }

/** Every line with its end, and whether it belongs to this peer's block. */
function markedLines(text: KeyFileText, id: GatewayId): readonly MarkedLine[] {
  let isOpen = false
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map(line => {
    const isEnd = isOpen && isMarker(line, END, id)
    const isOurs = isEnd || isMarker(line, BEGIN, id) || (isOpen && isGrantOf(line, id))
    // A line somebody put between our markers is theirs, and does not end the block.
    if (isOurs) isOpen = !isEnd
    return { line, isOurs }
  })
}

/** True for a marker of exactly this id; an editor may have made the line end CRLF. */
const isMarker = (line: string, marker: string, id: GatewayId): boolean =>
  line.startsWith(marker) && idKey(withoutEnd(line).slice(marker.length)) === idKey(id)

const isGrantOf = (line: string, id: GatewayId): boolean =>
  line.startsWith(OPTIONS) && idKey(withoutEnd(line)).endsWith(` claw-clan:${idKey(id)}`)

const withoutEnd = (line: string): string => line.replace(/\r?\n?$/, '')

const asBytes = (text: string): KeyFileText =>
  Array.from(new TextEncoder().encode(text), byte => String.fromCharCode(byte)).join('')

import type { KeyFileText } from './authorized-keys.ts'
import { grantsIn } from './grants.ts'
import { blockIds, linesOf, linesOfBlock, withBlock, withoutEnd } from './marked-block.ts'
import { shellQuote } from './remote.ts'

/**
 * The text without any right to this gate, whoever has it; markers that then hold nothing of ours go too. Rights to
 * the gate of another home, and lines that somebody put between our markers, stay byte for byte.
 *
 * @param gate  absolute path of this home's `bin/claw-peer`
 */
export function withoutGate(text: KeyFileText, gate: string): KeyFileText {
  const isOurs = (line: string) => opensGate(line, gate)
  const rest = blockIds(text).reduce((left, id) => {
    const block = { id, isOurs }
    return linesOfBlock(left, block).length === 0 ? left : withBlock(left, block, [])
  }, text)
  return linesOf(rest)
    .filter(line => !isOurs(withoutEnd(line)))
    .join('')
}

/** Peers that may reach this gate, as their lines name them. */
export const idsWithGate = (text: KeyFileText, gate: string): readonly string[] =>
  linesOf(text)
    .filter(line => opensGate(withoutEnd(line), gate))
    .flatMap(line => grantsIn(line.trimEnd()).map(({ gatewayId }) => gatewayId))

const opensGate = (line: string, gate: string): boolean =>
  grantsIn(line).some(({ command }) => command === gate || command === shellQuote(gate))

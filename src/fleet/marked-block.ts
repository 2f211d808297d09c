import { idKey } from './parse.ts'

/**
 * Text of somebody else's file with one character per byte (latin1): foreign lines may hold bytes that are no UTF-8,
 * and they must come out as they went in.
 */
export type ByteText = string

/** One marked block in such a file: the id in its two marker lines, and which lines between them are ours. */
export type Block = {
  readonly id: string
  /** Asked with a line without its end. */
  readonly isOurs: (line: string) => boolean
}

const BEGIN = '# BEGIN claw-clan '
const END = '# END claw-clan '

/**
 * The text with this block holding exactly these lines: in the place of the old block, else before everything else.
 * Without lines there is no block.
 *
 * At the top no foreign byte changes, not even a missing last newline. A line that somebody put between our markers
 * stays and stands after the block. Twice is the same as once.
 */
export function withBlock(text: ByteText, block: Block, lines: readonly ByteText[]): ByteText {
  const marked = markedLines(text, block)
  const at = Math.max(
    0,
    marked.findIndex(({ isOurs }) => isOurs),
  )
  const kept = marked.filter(({ isOurs }) => !isOurs).map(({ line }) => line)
  const ours = lines.length === 0 ? [] : [`${BEGIN}${block.id}`, ...lines, `${END}${block.id}`]
  return [...kept.slice(0, at), ...ours.map(line => `${line}\n`), ...kept.slice(at)].join('')
}

/** Our lines between this block's markers, without their ends. */
export const linesOfBlock = (text: ByteText, block: Block): readonly ByteText[] =>
  markedLines(text, block)
    .filter(({ isOurs }) => isOurs)
    .map(({ line }) => withoutEnd(line))
    .filter(block.isOurs)

/** The ids of all blocks that begin in this text, each as its marker spells it. */
export const blockIds = (text: ByteText): readonly string[] =>
  linesOf(text)
    .filter(line => line.startsWith(BEGIN))
    .map(line => withoutEnd(line).slice(BEGIN.length))

/** Text as the bytes of its UTF-8 form. */
export const asBytes = (text: string): ByteText =>
  /^[\0-\x7f]*$/.test(text)
    ? text
    : Array.from(new TextEncoder().encode(text), byte => String.fromCharCode(byte)).join('')

/** Every line with its end; a last one may have none. */
export const linesOf = (text: ByteText): readonly ByteText[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/** A line as it reads; an editor may have made its end CRLF. */
export const withoutEnd = (line: ByteText): ByteText => line.replace(/\r?\n?$/, '')

type MarkedLine = { readonly line: ByteText; readonly isOurs: boolean }

function markedLines(text: ByteText, block: Block): readonly MarkedLine[] {
  let isOpen = false
  return linesOf(text).map(line => {
    const isEnd = isOpen && isMarker(line, END, block.id)
    const isOurs = isEnd || isMarker(line, BEGIN, block.id) || (isOpen && block.isOurs(withoutEnd(line)))
    // A line somebody put between our markers is theirs, and does not end the block.
    if (isOurs) isOpen = !isEnd
    return { line, isOurs }
  })
}

const isMarker = (line: ByteText, marker: string, id: string): boolean =>
  line.startsWith(marker) && idKey(withoutEnd(line).slice(marker.length)) === idKey(id)

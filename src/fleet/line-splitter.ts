/** What came out of a byte stream: a whole line without its end, or the news that one was too long and is gone. */
export type Line = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too-long' }

/** Cuts bytes into lines, holding at most `maxBytes` of an unfinished one; `readline` would hold any amount. */
export type LineSplitter = {
  /** The lines that end in this piece. A too long one is reported when it becomes so, its rest is dropped. */
  readonly push: (bytes: Uint8Array) => readonly Line[]
  /** Bytes held of the unfinished line. */
  readonly pending: () => number
}

const LINE_FEED = 10
const MAX_PIECES = 64

/**
 * Split UTF-8 text at line feeds; a carriage return before one belongs to the line end.
 *
 * @param maxBytes  longest line, in bytes without its end
 */
export function lineSplitter(maxBytes: number): LineSplitter {
  const decoder = new TextDecoder()
  let pieces: Uint8Array[] = []
  let size = 0
  let isDropping = false

  const keep = (piece: Uint8Array): readonly Line[] => {
    if (isDropping) return []
    size += piece.length
    if (size > maxBytes) {
      isDropping = true
      pieces = []
      size = 0
      return [{ kind: 'too-long' }]
    }
    pieces.push(piece.slice()) // the caller may use its memory again
    // Each piece costs far more than a byte; a line that arrives byte by byte must not.
    if (pieces.length === MAX_PIECES) pieces = [joined(pieces, size)]
    return []
  }
  const finish = (): readonly Line[] => {
    const text = decoder.decode(joined(pieces, size)).replace(/\r$/, '')
    const line: readonly Line[] = isDropping ? [] : [{ kind: 'line', text }]
    pieces = []
    size = 0
    isDropping = false
    return line
  }
  return {
    push: bytes => {
      const lines: Line[] = []
      let from = 0
      for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
        lines.push(...keep(bytes.subarray(from, end)), ...finish())
        from = end + 1
      }
      if (from < bytes.length) lines.push(...keep(bytes.subarray(from)))
      return lines
    },
    pending: () => size,
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (pieces.length === 1 && pieces[0] !== undefined) return pieces[0]
  const all = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

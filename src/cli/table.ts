import { printable } from '../fleet/text.ts'
import { type Terminal, widthOf } from './terminal.ts'

/** One cell: plain text, and how to paint it once its width is known. */
export type Cell = { readonly text: string; readonly style?: Parameters<Terminal['paint']>[0] }

// Made, not written: one character beyond ASCII makes the whole bundle twice as large in memory, and slower to load.
const ELLIPSIS = String.fromCodePoint(0x2026)

/** How column titles look. */
export const HEADER = 'dim' satisfies Parameters<Terminal['paint']>[0]

/** The first row of a table. */
export const header = (...titles: readonly string[]): Cell[] => titles.map(text => ({ text, style: HEADER }))

/**
 * Columns of text, each as wide as its longest cell; when they do not fit, the widest shrinkable one gives way.
 *
 * @param shrinkable  index of the columns that may be cut with "…", first choice first
 */
export function renderTable(
  rows: readonly (readonly Cell[])[],
  terminal: Pick<Terminal, 'columns' | 'paint'>,
  shrinkable: readonly number[] = [],
): string {
  const safe = rows.map(row =>
    row.map(cell => ({ ...cell, text: printable(cell.text).replaceAll('\n', ' ') })),
  )
  const count = Math.max(0, ...safe.map(row => row.length))
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(...safe.map(row => widthOf(row[i]?.text ?? ''))),
  )
  let excess = widths.reduce((sum, width) => sum + width, 0) + 2 * (count - 1) - terminal.columns
  for (const column of shrinkable) {
    const width = widths[column] ?? 0
    const cut = Math.max(0, Math.min(excess, width - 8))
    widths[column] = width - cut
    excess -= cut
  }
  const line = (row: readonly Cell[]) =>
    row
      .map((cell, i) => {
        const text = shorten(cell.text, widths[i] ?? 0)
        const padding = i === row.length - 1 ? '' : ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)))
        return (cell.style === undefined ? text : terminal.paint(cell.style, text)) + padding
      })
      .join('  ')
      .trimEnd()
  return safe.map(line).join('\n')
}

function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let cut = ''
  for (const c of text) {
    if (widthOf(cut) + widthOf(c) > width - 1) break
    cut += c
  }
  return `${cut}${ELLIPSIS}`
}

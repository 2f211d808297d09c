import { widthOf } from './terminal.ts'

/** Break text at spaces so that no line is wider than `columns`; a longer word keeps a line of its own. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(longer) > columns) {
      lines.push(line)
      line = word
    } else {
      line = longer
    }
  }
  return [...lines, line]
}

/** As `wrap`, as one text whose further lines begin with `indent`. */
export const wrapIndented = (text: string, columns: number, indent: string): string =>
  wrap(text, columns - indent.length).join(`\n${indent}`)

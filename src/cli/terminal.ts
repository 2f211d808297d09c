import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import { styleText } from 'node:util'
import { printable } from '../fleet/text.ts'

type Style = Parameters<typeof styleText>[0]

/** The two streams as a program may use them: stdout carries the result, stderr everything else. */
export type Terminal = {
  /** A person looks at stdout. */
  readonly isTty: boolean
  /** A person can be asked. */
  readonly canAsk: boolean
  readonly columns: number
  /** Colour text for stdout; the text itself where stdout is no terminal or NO_COLOR is set. */
  readonly paint: (style: Style, text: string) => string
  /** Show one changing line while work goes on; nothing unless stderr is a terminal. Empty text clears it. */
  readonly progress: (text: string) => void
  /** One line of diagnostics. */
  readonly warn: (line: string) => void
}

export type TerminalOptions = { readonly quiet: boolean; readonly program: string; readonly json: boolean }

export function openTerminal({ quiet, program, json }: TerminalOptions): Terminal {
  const isTty = isTerminal(1)
  const showsProgress = !quiet && isTerminal(2)
  const colours = isTty && !json && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  let shown = false
  const progress = (text: string) => {
    if (!showsProgress || (text === '' && !shown)) return
    shown = text !== ''
    process.stderr.write(`\r\u001b[K${printable(text).slice(0, (process.stderr.columns || 80) - 1)}`)
  }
  return {
    isTty,
    canAsk: isTty && isTerminal(0),
    // A pseudo-terminal that nobody gave a size has 0 columns.
    columns: (isTty && process.stdout.columns) || 80,
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
    progress,
    warn: line => {
      progress('')
      process.stderr.write(`${program}: ${printable(line)}\n`)
    },
  }
}

/**
 * Is this file descriptor a terminal? The streams know, but making one costs 4 ms; a pipe, a file and /dev/null show
 * themselves by what they are.
 */
function isTerminal(descriptor: 0 | 1 | 2): boolean {
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isCharacterDevice() || stats.rdev === statSync(devNull).rdev) return false
  } catch {
    return false // closed by whoever started us
  }
  const stream = descriptor === 0 ? process.stdin : descriptor === 1 ? process.stdout : process.stderr
  return stream.isTTY === true
}

const ZERO = /\p{Mn}|\p{Me}|\p{Cf}/u
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u

/** Columns a text takes on a terminal: East Asian wide and emoji count two, combining marks none. */
export const widthOf = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : [...text].reduce((sum, c) => sum + (ZERO.test(c) ? 0 : WIDE.test(c) ? 2 : 1), 0)

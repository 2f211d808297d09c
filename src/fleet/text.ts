import { lazy } from './lazy.ts'

// Controls (C0, DEL, C1), unpaired surrogates, line and paragraph separators, bidi and zero-width characters:
// what could move a cursor, reorder a line or make two names look alike.
const UNSAFE = '[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Bidi_Control}\\u00ad\\u200b-\\u200d\\u2060-\\u206f\\ufeff]'
// Compiling these classes takes 1 ms, so it waits until there is text that is not plain ASCII.
const one = lazy(() => new RegExp(UNSAFE, 'u'))
const all = lazy(() => new RegExp(UNSAFE, 'gu'))
const isPlain = (text: string): boolean => /^[\x20-\x7e\n]*$/.test(text)

/** True for text without control, zero-width, bidi or unpaired surrogate characters. */
export const isSafeText = (text: string): boolean =>
  isPlain(text) ? !text.includes('\n') : !one().test(text)

/** Text with every unsafe character made visible: `\x1b`, `\u202e`. Line feeds stay. */
export const printable = (text: string): string =>
  isPlain(text) ? text : text.replace(all(), c => (c === '\n' ? c : visibleForm(c)))

function visibleForm(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** A display name made of any text: unsafe characters out, at most 64 code points, `fallback` when nothing is left. */
export function safeName(text: string, fallback: string): string {
  const safe = isSafeText(text) ? text : text.replace(all(), '')
  const clean = [...safe].slice(0, 64).join('').trim()
  return clean === '' ? fallback : clean
}

const LONGEST_SAYING = 600

/**
 * What another machine says, fit to stand in one of our own lines: a line break of its would look like our next line,
 * and what is kept of it (in the journal, in a status) must not grow with what it sends.
 */
export function foreignLine(text: string): string {
  const line = printable(text.slice(0, 4 * LONGEST_SAYING).replace(/\s+/g, ' ')).trim()
  return line.length > LONGEST_SAYING ? `${line.slice(0, LONGEST_SAYING - 3)}...` : line
}

/** Show any value in a message: as JSON, unsafe characters escaped, at most 80 characters. */
export function quoteValue(value: unknown): string {
  const visible = printable(JSON.stringify(value) ?? 'nothing').replaceAll('\n', '\\n')
  return visible.length > 80 ? `${visible.slice(0, 77)}...` : visible
}

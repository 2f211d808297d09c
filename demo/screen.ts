import { styleText } from 'node:util'
import { shellQuote } from '../src/fleet/remote.ts'

type Style = Parameters<typeof styleText>[0]

const COLUMNS = 80

/** Text as it should look on stdout: coloured on a terminal only, and not with NO_COLOR. */
export const paint = (style: Style, text: string): string =>
  styleText(style, text, { stream: process.stdout })

/** Print and wait until it is out, so that a program that follows does not overtake it. */
export function print(text: string): Promise<void> {
  isEmpty = false
  return new Promise(resolve => process.stdout.write(text, () => resolve()))
}

let isEmpty = true

/** What stands between the output so far and a last line on stderr. */
export const gap = (): string => (isEmpty ? '' : '\n')

/** The start of a chapter: a title across the screen, and what is going on in a few words. */
export async function heading(title: string, text: string): Promise<void> {
  const line = '─'.repeat(Math.max(0, COLUMNS - title.length - 4))
  await print(`\n${paint('dim', '──')} ${paint('bold', title)} ${paint('dim', line)}\n`)
  await print(`${paint('dim', text)}\n`)
}

/** A command as its owner types it on a machine, before what it prints. */
export async function commandLine(machine: string, words: readonly string[]): Promise<void> {
  const [first = '', ...more] = wrapped(`${machine}$ `.length, words)
  await print(`\n${paint('dim', `${machine}$`)} ${paint('cyan', first)}\n`)
  for (const line of more) await print(`${paint('cyan', `    ${line}`)}\n`)
}

/** A remark of the demo's own between two outputs. */
export const remark = (text: string): Promise<void> => print(`${paint('dim', text)}\n`)

/** The words of a command in lines that fit the screen, a flag never apart from its value. */
function wrapped(indent: number, words: readonly string[]): readonly string[] {
  const parts: string[] = []
  for (const word of words.map(quoted)) {
    const last = parts.at(-1)
    const isValue = last?.startsWith('--') === true && !last.includes(' ') && !word.startsWith('--')
    if (isValue) parts.splice(-1, 1, `${last} ${word}`)
    else parts.push(word)
  }
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    const width = COLUMNS - 2 - (lines.length === 1 ? indent : 4)
    if (last !== undefined && last.length + 1 + part.length <= width) lines.splice(-1, 1, `${last} ${part}`)
    else lines.push(part)
  }
  return lines.map((line, at) => (at === lines.length - 1 ? line : `${line} \\`))
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word))

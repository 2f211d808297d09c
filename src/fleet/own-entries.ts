import { cronArgument } from './cron-command.ts'
import { blockIds, linesOfBlock, withBlock } from './marked-block.ts'
import { idKey } from './parse.ts'
import type { CrontabText } from './schedule.ts'

/**
 * The crontab without the blocks that start a program of this home, whatever id they bear and whatever else of ours
 * is in them. Blocks of other homes, and every line that has not our mark, stay byte for byte.
 *
 * @param bin  absolute path of this home's `bin`
 * @returns the rest, and our lines that are not in it, as text
 */
export function withoutPrograms(
  text: CrontabText,
  bin: string,
): { readonly rest: CrontabText; readonly removed: readonly string[] } {
  let rest = text
  const removed: CrontabText[] = []
  for (const id of new Set(blockIds(text))) {
    const block = { id, isOurs: (line: CrontabText) => ownerOf(line) === idKey(id) }
    const lines = linesOfBlock(rest, block)
    if (!lines.some(line => startsFrom(line, bin))) continue
    removed.push(...lines)
    rest = withBlock(rest, block, [])
  }
  return { rest, removed: removed.map(asText) }
}

/** Whose line it is, by the mark at its end; undefined for a foreign one. */
function ownerOf(line: CrontabText): string | undefined {
  const [, owner] = / # claw-clan (\S+) [a-z]+(?: \S+)?$/.exec(line) ?? []
  return owner === undefined ? undefined : idKey(owner)
}

/** Does this line start `claw-...` in that folder? The path is written as cron and sh are to read it. */
function startsFrom(line: CrontabText, bin: string): boolean {
  const word = cronArgument(`${bin}/claw-`)
  // A quoted path goes on behind its prefix: the closing quote stands after the program's name.
  return line.includes(` ${word.endsWith("'") ? word.slice(0, -1) : word}`)
}

const asText = (bytes: CrontabText): string =>
  new TextDecoder().decode(Uint8Array.from(bytes, character => character.charCodeAt(0)))

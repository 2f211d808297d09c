import type { Command, CommandGroup } from './command-shape.ts'
import { COMMON, type Option, type Options } from './option.ts'
import { wrap, wrapIndented } from './wrap.ts'

/** The least a terminal has; help is read in all of them. */
const COLUMNS = 80
/** Where the explanation of a flag begins. */
const INDENT = ' '.repeat(26)

type Shape = Pick<
  Command<Options, never>,
  'name' | 'summary' | 'operands' | 'options' | 'example' | 'failure'
>

/** What `--help` prints: summary, usage, options, one example, what to do when it fails. */
export function helpText(command: Shape): string {
  const options = { ...command.options, ...COMMON }
  const flags = Object.entries(options).map(([key, { value, short, help }]: [string, Option]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${key}${value === undefined ? '' : ` ${value}`}`
    const text = wrapIndented(help, COLUMNS, INDENT)
    return `  ${flag.padEnd(24)}${flag.length > 22 ? `\n${INDENT}` : ''}${text}`
  })
  const operands = command.operands === undefined ? '' : ` ${command.operands}`
  return [
    ...wrap(`${command.summary}.`, COLUMNS),
    '',
    `Usage: ${command.name}${operands} [options]`,
    '',
    ...flags,
    '',
    `Example: ${command.example}`,
    '',
    ...wrap(command.failure, COLUMNS),
  ].join('\n')
}

/** What `--help` prints for a program with subcommands. */
export function groupHelp(group: CommandGroup): string {
  const entries = Object.entries(group.commands)
  const width = Math.max(...entries.map(([word]) => word.length))
  return [
    `${group.summary}.`,
    '',
    `Usage: ${group.name} SUBCOMMAND [options]`,
    '',
    ...entries.map(
      ([word, { summary }]) =>
        `  ${word.padEnd(width)}  ${wrapIndented(summary, COLUMNS, ' '.repeat(width + 4))}`,
    ),
    '',
    `Options of a subcommand: ${group.name} SUBCOMMAND --help`,
  ].join('\n')
}

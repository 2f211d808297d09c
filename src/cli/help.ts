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
  const flags = Object.entries(options).map(([key, { value, short, help, negatable }]: [string, Option]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${negatable ? '[no-]' : ''}${key}${value === undefined ? '' : ` ${value}`}`
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
export const groupHelp = (group: CommandGroup): string =>
  [
    `${group.summary}.`,
    '',
    `Usage: ${group.name} SUBCOMMAND [options]`,
    '',
    ...commandLines(group.commands),
    '',
    `Options of a subcommand: ${group.name} SUBCOMMAND --help`,
  ].join('\n')

/** The subcommands of a program that also does something without one: the end of its `--help`. */
export const furtherHelp = (group: CommandGroup): string =>
  Object.keys(group.commands).length === 0
    ? ''
    : ['', `More: ${group.name} SUBCOMMAND [options]`, '', ...commandLines(group.commands)].join('\n')

function commandLines(commands: CommandGroup['commands']): readonly string[] {
  const entries = Object.entries(commands)
  const width = Math.max(...entries.map(([word]) => word.length))
  const indent = ' '.repeat(width + 4)
  return entries.map(
    ([word, { summary }]) => `  ${word.padEnd(width)}  ${wrapIndented(summary, COLUMNS, indent)}`,
  )
}

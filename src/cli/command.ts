import { VERSION } from '../adapters/version.ts'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import { parseArguments } from './arguments.ts'
import type { AnyCommand, Command, CommandGroup, Skipped } from './command-shape.ts'
import { report } from './failure.ts'
import { furtherHelp, groupHelp, helpText } from './help.ts'
import type { COMMON, Options, Values } from './option.ts'
import { print } from './print.ts'
import { openTerminal } from './terminal.ts'

/** Close a command over its types, for use in a `CommandGroup`. */
export const subcommand = <const O extends Options, R>(command: Command<O, R>): AnyCommand => ({
  name: command.name,
  summary: command.summary,
  execute: (argv, further) => execute(command, argv, further),
})

/** Run a program: read its arguments, run it, print the result, set the exit code. Called once, at the end of a bin file. */
export async function main<const O extends Options, R>(command: Command<O, R>): Promise<void> {
  process.exitCode = await execute(command, process.argv.slice(2))
}

/** As `main`, for a program with subcommands; without one it is its bare command, where it has that. */
export async function mainGroup(group: CommandGroup): Promise<void> {
  const [word, ...rest] = process.argv.slice(2)
  const chosen =
    word === undefined ? undefined : Object.hasOwn(group.commands, word) ? group.commands[word] : undefined
  if (chosen !== undefined) {
    process.exitCode = await chosen.execute(rest)
  } else if (group.bare !== undefined && (word === undefined || word.startsWith('-'))) {
    process.exitCode = await group.bare.execute(process.argv.slice(2), furtherHelp(group))
  } else if (word === '--help' || word === '-h') {
    print(groupHelp(group))
  } else if (word === '--version') {
    print(VERSION)
  } else {
    const names = Object.keys(group.commands)
    const given = word === undefined ? 'a subcommand is needed' : `"${printable(word)}" is not a subcommand`
    const error = new ClawError('bad-input', `${given}: use one of ${names.join(', ')}`, {
      hint: `Run "${group.name} --help"`,
    })
    process.exitCode = report(error, group.name, rest.includes('--json') || word === '--json')
  }
}

/** Parse and run; every outcome ends as an exit code. */
async function execute<O extends Options, R>(
  command: Command<O, R>,
  argv: readonly string[],
  further = '',
): Promise<number> {
  const json = argv.includes('--json')
  try {
    const { values, positionals } = parseArguments(command, argv)
    if (values.help) return print(`${helpText(command)}${further === '' ? '' : `\n${further}`}`)
    if (values.version) return print(VERSION)
    return await runParsed(command, values, positionals)
  } catch (error) {
    const code = report(error, command.name, json)
    if (!json && error instanceof ClawError && command.renderFailure !== undefined)
      print(command.renderFailure(error))
    return code
  }
}

async function runParsed<O extends Options, R>(
  command: Command<O, R>,
  values: Values<O> & Values<typeof COMMON>,
  positionals: string[],
): Promise<number> {
  const { json = false, quiet = false, home } = values
  const terminal = openTerminal({ quiet, json, program: command.name })
  const run = { options: values, positionals, json, quiet, home, terminal }
  // Also before what went wrong is said: it would stand behind the last step, on its line.
  const result = await command.run(run).finally(() => terminal.progress(''))
  if (isSkipped(result)) {
    if (json) print(JSON.stringify({ schema: 1, ...result }))
    else if (!quiet) terminal.warn(result.skipped.message)
    return 0
  }
  const text = json
    ? JSON.stringify({ schema: 1, ...result }, undefined, 2)
    : command.render(result, { terminal, quiet, options: values })
  if (text !== '') print(text)
  await command.afterwards?.(result, run).catch(error => {
    if (!(error instanceof ClawError)) throw error
    terminal.warn(error.message)
  })
  return command.exitCode?.(result, values) ?? 0
}

const isSkipped = (result: unknown): result is Skipped =>
  typeof result === 'object' && result !== null && 'skipped' in result

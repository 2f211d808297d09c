import { parseArgs } from 'node:util'
import { VERSION } from '../adapters/version.ts'
import { ClawError, type ErrorCode } from '../fleet/error.ts'
import { nearest } from '../fleet/nearest.ts'
import { printable } from '../fleet/text.ts'
import { openTerminal, type Terminal } from './terminal.ts'

/** One flag. `value` names what follows it in the help text; a flag without it is a switch. */
export type Option = {
  readonly type: 'string' | 'boolean'
  readonly help: string
  readonly value?: string
  readonly multiple?: true
  readonly short?: string
}
export type Options = Readonly<Record<string, Option>>

type Value<O extends Option> = O['type'] extends 'boolean'
  ? boolean
  : O extends { multiple: true }
    ? string[]
    : string
export type Values<O extends Options> = { readonly [K in keyof O]?: Value<O[K]> }

/** Every program understands these. */
const COMMON = {
  json: { type: 'boolean', help: 'Print one JSON document instead of text' },
  home: {
    type: 'string',
    value: 'DIR',
    help: 'Use this home (default $CLAW_CLAN_HOME or ~/.openclaw/claw-clan)',
  },
  quiet: { type: 'boolean', short: 'q', help: 'Print nothing when there is nothing new' },
  help: { type: 'boolean', short: 'h', help: 'Show this text' },
  version: { type: 'boolean', help: 'Show the version' },
} as const satisfies Options

/** What a run gets to work with. */
export type Run<O extends Options> = {
  readonly options: Values<O>
  readonly positionals: readonly string[]
  readonly json: boolean
  readonly quiet: boolean
  readonly home: string | undefined
  readonly terminal: Terminal
}

/** A run that was not made because another one is under way; the exit code is 0. */
export type Skipped = {
  readonly skipped: { readonly program: string; readonly since: string; readonly message: string }
}

/** What a render function may use besides the result. */
export type View<O extends Options> = {
  readonly terminal: Terminal
  readonly quiet: boolean
  readonly options: Values<O>
}

/** One program, or one subcommand of one. */
export type Command<O extends Options, R> = {
  /** As it is typed: `claw-ping`, `claw-setup-ssh add`. */
  readonly name: string
  readonly summary: string
  /** What follows the name and comes before the options; empty for nothing. */
  readonly operands?: string
  /** Least and most words after the name; none by default. */
  readonly arity?: readonly [number, number]
  readonly options: O
  readonly example: string
  /** What to do when it fails: one or two sentences. */
  readonly failure: string
  readonly run: (run: Run<O>) => Promise<R | Skipped>
  /** Text for people, without a final newline; empty prints nothing. */
  readonly render: (result: R, view: View<O>) => string
  /** In text mode, lines for stdout when it fails; the message itself goes to stderr. */
  readonly renderFailure?: (error: ClawError) => string
  /** 0 unless the result says otherwise (`claw-status --check`). */
  readonly exitCode?: (result: R, options: Values<O>) => number
}

/** A program with subcommands: the first word chooses. */
export type CommandGroup = {
  readonly name: string
  readonly summary: string
  readonly commands: Readonly<Record<string, AnyCommand>>
}

/** A command whose own option and result types are forgotten, so that a group can hold several. */
export type AnyCommand = {
  readonly name: string
  readonly summary: string
  readonly execute: (argv: readonly string[]) => Promise<number>
}

/** Close a command over its types, for use in a `CommandGroup`. */
export const subcommand = <const O extends Options, R>(command: Command<O, R>): AnyCommand => ({
  name: command.name,
  summary: command.summary,
  execute: argv => execute(command, argv),
})

/** Run a program: read its arguments, run it, print the result, set the exit code. Called once, at the end of a bin file. */
export async function main<const O extends Options, R>(command: Command<O, R>): Promise<void> {
  process.exitCode = await execute(command, process.argv.slice(2))
}

/** As `main`, for a program with subcommands. */
export async function mainGroup(group: CommandGroup): Promise<void> {
  const [word, ...rest] = process.argv.slice(2)
  const chosen =
    word === undefined ? undefined : Object.hasOwn(group.commands, word) ? group.commands[word] : undefined
  if (chosen !== undefined) {
    process.exitCode = await chosen.execute(rest)
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
): Promise<number> {
  const json = argv.includes('--json')
  quietWhenReaderLeaves()
  try {
    const { values, positionals } = parse(command, argv)
    if (values.help) return print(helpText(command))
    if (values.version) return print(VERSION)
    checkArity(command, positionals)
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
  const result = await command.run({ options: values, positionals, json, quiet, home, terminal })
  terminal.progress('')
  if (isSkipped(result)) {
    if (json) print(JSON.stringify({ schema: 1, ...result }))
    else if (!quiet) terminal.warn(result.skipped.message)
    return 0
  }
  const text = json
    ? JSON.stringify({ schema: 1, ...result }, undefined, 2)
    : command.render(result, { terminal, quiet, options: values })
  if (text !== '') print(text)
  return command.exitCode?.(result, values) ?? 0
}

const isSkipped = (result: unknown): result is Skipped =>
  typeof result === 'object' && result !== null && 'skipped' in result

function parse<O extends Options, R>(command: Command<O, R>, argv: readonly string[]) {
  const options = { ...command.options, ...COMMON }
  try {
    const parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
    return { values: parsed.values as Values<O> & Values<typeof COMMON>, positionals: parsed.positionals }
  } catch (error) {
    throw usageError(error, command.name, Object.keys(options))
  }
}

function usageError(error: unknown, name: string, known: readonly string[]): unknown {
  if (!(error instanceof TypeError) || !('code' in error)) return error
  const hint = `Run "${name} --help"`
  const option = /'(-[^' ]+)/.exec(error.message)?.[1] ?? ''
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const close = nearest(
      option,
      known.map(key => `--${key}`),
    )
    const guess =
      close.length === 0
        ? `allowed are ${known.map(key => `--${key}`).join(', ')}`
        : `did you mean ${close.join(' or ')}?`
    return new ClawError('bad-input', `Unknown option "${printable(option)}": ${guess}`, { hint })
  }
  return new ClawError('bad-input', printable(error.message.split(/[\n.] ?/)[0] ?? error.message), { hint })
}

function checkArity(
  command: Pick<Command<Options, unknown>, 'name' | 'arity' | 'operands'>,
  given: readonly string[],
): void {
  const [least, most] = command.arity ?? [0, 0]
  if (given.length >= least && given.length <= most) return
  const usage = `${command.name}${command.operands === undefined ? '' : ` ${command.operands}`}`
  const message =
    given.length < least
      ? `${least - given.length} more word${least - given.length === 1 ? ' is' : 's are'} needed: ${usage}`
      : `Too many words from "${printable(given[most] ?? '')}" on: ${usage}`
  throw new ClawError('bad-input', message, { hint: `Run "${command.name} --help"` })
}

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  'bad-input': 2,
  'missing-answer': 2,
  // Nobody vouched for a host key: an answer is missing, and the hint names the flags that give it.
  'host-key-unknown': 2,
  'unknown-peer': 2,
  'not-set-up': 3,
  busy: 75,
}

/** Print one failure, in text or JSON, and return its exit code. What is no ClawError is our bug and keeps its stack. */
function report(error: unknown, program: string, json: boolean): number {
  const known = error instanceof ClawError
  const code = known ? error.code : 'bug'
  const message = known
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error)
  const hint = known ? error.hint : 'This is a fault of claw-clan: please report it with the lines above'
  if (json) {
    print(
      JSON.stringify(
        { schema: 1, error: { code, message, ...(hint === undefined ? {} : { hint }) } },
        undefined,
        2,
      ),
    )
  } else {
    const next = hint === undefined ? '' : `\n  next: ${printable(hint)}`
    process.stderr.write(`${program}: ${printable(message)}${next}\n`)
  }
  return known ? (EXIT_CODES[error.code] ?? 1) : 1
}

/** `claw-status | head -1` closes stdout early: that is the reader's right, not an error. */
function quietWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? (process.exitCode ?? 0) : 1)
  })
}

function print(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return 0
}

function helpText(
  command: Pick<
    Command<Options, unknown>,
    'name' | 'summary' | 'operands' | 'options' | 'example' | 'failure'
  >,
): string {
  const options = { ...command.options, ...COMMON }
  const flags = Object.entries(options).map(([key, { value, short, help }]: [string, Option]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${key}${value === undefined ? '' : ` ${value}`}`
    return `  ${flag.padEnd(24)}${flag.length > 22 ? '\n'.padEnd(27) : ''}${help}`
  })
  const operands = command.operands === undefined ? '' : ` ${command.operands}`
  return [
    `${command.summary}.`,
    '',
    `Usage: ${command.name}${operands} [options]`,
    '',
    ...flags,
    '',
    `Example: ${command.example}`,
    '',
    command.failure,
  ].join('\n')
}

function groupHelp(group: CommandGroup): string {
  const entries = Object.entries(group.commands)
  const width = Math.max(...entries.map(([word]) => word.length))
  return [
    `${group.summary}.`,
    '',
    `Usage: ${group.name} SUBCOMMAND [options]`,
    '',
    ...entries.map(([word, { summary }]) => `  ${word.padEnd(width)}  ${summary}`),
    '',
    `Options of a subcommand: ${group.name} SUBCOMMAND --help`,
  ].join('\n')
}

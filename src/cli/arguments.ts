import { parseArgs } from 'node:util'
import { ClawError } from '../fleet/error.ts'
import { nearest } from '../fleet/nearest.ts'
import { printable } from '../fleet/text.ts'
import type { Command } from './command-shape.ts'
import { COMMON, type Options, type Values } from './option.ts'

type Shape<O extends Options> = Pick<Command<O, never>, 'name' | 'arity' | 'operands' | 'options'>

/**
 * Read a command line.
 *
 * @throws {ClawError} `bad-input` with the flags or words that are allowed
 */
export function parseArguments<O extends Options>(command: Shape<O>, argv: readonly string[]) {
  const options: Options = withNegations({ ...command.options, ...COMMON })
  try {
    const parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
    const values = withoutNegations(options, parsed.values) as Values<O> & Values<typeof COMMON>
    if (values.help !== true && values.version !== true) {
      checkPlaces(options, values)
      checkArity(command, parsed.positionals)
    }
    return { values, positionals: parsed.positionals }
  } catch (error) {
    throw usageError(error, command.name, Object.keys(options))
  }
}

const withNegations = (options: Options): Options =>
  Object.fromEntries(
    Object.entries(options).flatMap(([key, option]) => [
      [key, option],
      ...(option.negatable ? [[`no-${key}`, { type: 'boolean', help: '' } as const] as const] : []),
    ]),
  )

/** `--no-x` becomes false for `x`. @throws {ClawError} `bad-input` for both at once */
function withoutNegations(options: Options, given: Readonly<Record<string, unknown>>) {
  const values = { ...given }
  for (const [key] of Object.entries(options).filter(([, { negatable }]) => negatable)) {
    const opposite = `no-${key}`
    if (values[opposite] === undefined) continue
    if (values[key] !== undefined)
      throw new ClawError('bad-input', `--${key} and --${opposite} cannot both be meant: use one of them`)
    delete values[opposite]
    values[key] = false
  }
  return values
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

const PLACES: readonly (string | undefined)[] = ['DIR', 'PATH', 'FILE']

/** An unset variable of a script must not mean the folder the script happens to run in. */
function checkPlaces(options: Options, values: Readonly<Record<string, unknown>>): void {
  const empty = Object.keys(options).find(key => values[key] === '' && PLACES.includes(options[key]?.value))
  if (empty === undefined) return
  throw new ClawError('bad-input', `--${empty} is empty: it must name a ${wordOf(options[empty])}`, {
    hint: `Leave --${empty} out for the usual one`,
  })
}

const wordOf = (option: Options[string] | undefined): string => (option?.value === 'DIR' ? 'folder' : 'file')

function checkArity(command: Omit<Shape<Options>, 'options'>, given: readonly string[]): void {
  const [least, most] = command.arity ?? [0, 0]
  if (given.length >= least && given.length <= most) return
  const usage = `${command.name}${command.operands === undefined ? '' : ` ${command.operands}`}`
  const message =
    given.length < least
      ? `${least - given.length} more word${least - given.length === 1 ? ' is' : 's are'} needed: ${usage}`
      : `Too many words from "${printable(given[most] ?? '')}" on: ${usage}`
  throw new ClawError('bad-input', message, { hint: `Run "${command.name} --help"` })
}

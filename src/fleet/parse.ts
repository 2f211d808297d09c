import * as z from 'zod/mini'
import { ClawError, type ErrorCode } from './error.ts'
import { lazy } from './lazy.ts'
import { isSafeText, quoteValue } from './text.ts'

// Compiling validators with `new Function` costs more than it saves in programs that live for 100 ms.
z.config({ jitless: true })

export type GatewayId = string & { readonly __brand: 'GatewayId' }

const GATEWAY_ID = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/
/** True for an id that can name a file and a shell word: letters, digits, `.`, `_`, `-`, 1 to 64 long, no `..`. */
export const isGatewayId = (text: string): text is GatewayId => GATEWAY_ID.test(text) && !text.includes('..')

/** A login name. A leading "-" would become an option of ssh; "@", ":" and spaces would change the target. */
export const isSshUser = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?$/.test(value)

/** An IP address or host name by its characters; it cannot become an option either. */
export const isHost = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252}[A-Za-z0-9])?$/.test(value)

/** Ids are unique regardless of case: this is what to compare and to index by. */
export const idKey = (id: string): string => id.toLowerCase()

const gatewayId = lazy(() =>
  z.custom<GatewayId>(value => typeof value === 'string' && isGatewayId(value), {
    error:
      '1 to 64 of letters, digits, ".", "_" and "-", beginning and ending with a letter or digit, without ".."',
  }),
)
const name = lazy(() =>
  textOf(
    text => text.trim().length > 0 && [...text].length <= 64 && isSafeText(text),
    '1 to 64 characters of any language, without control or text-direction characters',
  ),
)
const sshUser = lazy(() =>
  textOf(isSshUser, 'a login name: 1 to 32 of letters, digits, "_", "." and "-", not beginning with "-"'),
)
const host = lazy(() => textOf(isHost, 'an IP address or a host name, not beginning with "-"'))
const repository = lazy(() =>
  // A leading "-" would become an option of git; what git may fetch from is checked again before it does.
  textOf(
    text => /^[A-Za-z0-9/~.][\x21-\x7e]{0,1023}$/.test(text),
    'a git address such as git@host:owner/skills.git, https://... or a path, without spaces',
  ),
)
const leadNumber = lazy(() => wholeNumber(1, 9999))
const port = lazy(() => wholeNumber(1, 65_535))

/** Validators for the values people type and machines send; each carries its own "what is allowed". */
export const field = {
  get gatewayId() {
    return gatewayId()
  },
  get name() {
    return name()
  },
  get sshUser() {
    return sshUser()
  },
  get host() {
    return host()
  },
  get repository() {
    return repository()
  },
  get leadNumber() {
    return leadNumber()
  },
  get port() {
    return port()
  },
}

/** Text that passes a test; `error` says what is allowed. */
export function textOf(isAllowed: (text: string) => boolean, error: string) {
  return z.string().check(z.refine(isAllowed, { error }))
}

/** A whole number between two bounds, both allowed. */
export function wholeNumber(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`
  return z.number({ error }).check(z.refine(n => Number.isSafeInteger(n) && n >= min && n <= max, { error }))
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: `one of ${words.map(word => `"${word}"`).join(', ')}` })
}

/** Fields of documents from elsewhere that may be missing or odd: then their neutral value. */
export const lenient = {
  leadNumber: () => z.catch(wholeNumber(0, 9999), 0),
  shortText: () =>
    z.catch(
      textOf(text => text.length <= 64 && isSafeText(text), 'short text'),
      '',
    ),
}

/** Where a value came from, for the message: `--lead`, `peers/x.json: leadNumber`. */
export type Source = string

/**
 * Check one value against one validator, or one that is made at its first use (`lazy`).
 *
 * @throws {ClawError} `code` with one line: what was given, where, what is allowed
 */
export function parseValue<T extends z.core.$ZodType>(
  schema: T | (() => T),
  value: unknown,
  source: Source,
  code: ErrorCode = 'bad-input',
): z.core.output<T> {
  const result = z.safeParse(typeof schema === 'function' ? schema() : schema, value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const at =
    issue === undefined || issue.path.length === 0 ? source : `${source}: ${issue.path.map(String).join('.')}`
  throw new ClawError(
    code,
    `Cannot use ${quoteValue(valueAt(value, issue?.path ?? []))} for ${at}: it must be ${allowed(issue)}`,
  )
}

/** Text of a whole number, as typed on a command line. `Number('')` and `Number('1e3')` are too generous. */
export function parseWholeNumber(text: string, min: number, max: number, source: Source): number {
  return parseValue(wholeNumber(min, max), /^\d{1,15}$/.test(text) ? Number(text) : text, source)
}

function allowed(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'something else'
  const isOwnText = !issue.message.startsWith('Invalid input')
  if (isOwnText || issue.code !== 'invalid_type') return issue.message
  return issue.expected === 'object' ? 'a JSON object' : `a ${issue.expected}`
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    value,
  )
}

export { z }

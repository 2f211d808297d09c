import { ClawError, type ErrorCode } from './error.ts'
import { type PublicIdentity, parsePublicIdentity } from './identity.ts'
import { lazy } from './lazy.ts'
import { field, type GatewayId, lenient, parseValue, wholeNumber, z } from './parse.ts'
import { PROTOCOL_VERSION } from './probe.ts'

/** Longest line either side sends, in bytes; also the most login noise that is skipped before the hello. */
export const MAX_LINE_BYTES = 64 * 1024

/** Which machine serves here, said once before anything is asked. */
export type Hello = {
  readonly gatewayId: GatewayId
  readonly version: string
  readonly protocol: number
}

/** One question: `{"id":1,"verb":"inspect"}` on one line; what a verb needs stands beside the verb. */
export type PeerRequest = {
  readonly id: number
  readonly verb: string
  readonly params: Readonly<Record<string, unknown>>
}

/** Why a question was not answered: our own codes, and two that only a protocol has. */
export type PeerErrorCode = ErrorCode | 'unknown-verb' | 'internal'

/** One answer: `{"id":1,"ok":true,...}` or `{"id":1,"ok":false,"error":{"code","message"}}`. */
export type PeerAnswer =
  | { readonly id: number; readonly ok: true; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly id: number | null
      readonly ok: false
      readonly error: { readonly code: string; readonly message: string }
    }

/** What every answer carries of the machine that gives it. */
export type Speaker = { readonly gatewayId: GatewayId; readonly version: string }

/** The state of a machine as it sees itself: the answer to `inspect`. */
export type Inspection = {
  readonly identity: PublicIdentity
  readonly versions: { readonly program: string; readonly node: string; readonly protocol: number }
  /** When the last ping round ended there, UTC; null when none is known. */
  readonly lastPing: string | null
  readonly registration: 'running' | 'stopped' | 'unknown'
}

const HELLO_MARK = '{"hello":"claw-clan",'

/** The hello line, line end included. */
export const helloLine = ({ gatewayId, version }: Speaker): string =>
  `${HELLO_MARK}${JSON.stringify({ protocol: PROTOCOL_VERSION, gatewayId, version }).slice(1)}\n`

const helloShape = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    version: lenient.shortText(),
    protocol: wholeNumber(1, 9999),
  }),
)

/**
 * Read a line as hello; the login shell may have printed something before it without a line end.
 *
 * @returns undefined for any other line
 */
export function parseHello(line: string): Hello | undefined {
  const at = line.indexOf(HELLO_MARK)
  const parsed = at < 0 ? undefined : z.safeParse(helloShape(), readJson(line.slice(at)))
  return parsed?.success === true ? parsed.data : undefined
}

const requestShape = lazy(() =>
  z.looseObject({ id: wholeNumber(0, Number.MAX_SAFE_INTEGER), verb: z.string() }),
)

/** @throws {ClawError} `bad-input` for what is no JSON object with a whole `id` and a `verb` */
export function parseRequest(line: string): PeerRequest {
  const { id, verb, ...params } = parseValue(requestShape, readJson(line), 'the request')
  return { id, verb, params }
}

/** The id of a request that is otherwise unusable, for its answer. */
export function idOf(line: string): number | null {
  const parsed = z.safeParse(z.looseObject({ id: wholeNumber(0, Number.MAX_SAFE_INTEGER) }), readJson(line))
  return parsed.success ? parsed.data.id : null
}

/** One line of request, line end included. @throws {ClawError} `bad-input` when longer than 64 KiB */
export const requestLine = ({ id, verb, params }: PeerRequest): string =>
  bounded({ ...params, id, verb }, 'bad-input')

/** One line of answer to a request that could be done. @throws {ClawError} `bad-answer` when longer than 64 KiB */
export const answerLine = (id: number, speaker: Speaker, at: Date, body: object): string =>
  bounded(
    { ...body, id, ok: true, protocol: PROTOCOL_VERSION, ...speaker, time: at.toISOString() },
    'bad-answer',
  )

/** One line of answer to a request that could not be done. */
export const refusalLine = (id: number | null, code: PeerErrorCode, message: string): string =>
  `${JSON.stringify({ id, ok: false, error: { code, message: message.slice(0, 500) } })}\n`

const answerShape = lazy(() =>
  z.looseObject({ id: wholeNumber(0, Number.MAX_SAFE_INTEGER), ok: z.literal(true) }),
)
const refusalShape = lazy(() =>
  z.object({
    id: z.nullable(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    ok: z.literal(false),
    error: z.object({ code: z.string(), message: z.string() }),
  }),
)

/** @throws {ClawError} `bad-answer` for what is neither an answer nor a refusal */
export function parseAnswer(line: string): PeerAnswer {
  const json = readJson(line)
  const refusal = z.safeParse(refusalShape(), json)
  if (refusal.success) return refusal.data
  const { id, ok, ...body } = parseValue(answerShape, json, "the peer's answer", 'bad-answer')
  return { id, ok, body }
}

const inspectionShape = lazy(() =>
  z.object({
    identity: z.unknown(),
    versions: z.object({ program: z.string(), node: z.string(), protocol: z.number() }),
    lastPing: z.nullable(z.string()),
    registration: z.catch(z.enum(['running', 'stopped', 'unknown']), 'unknown'),
  }),
)

/** @throws {ClawError} `bad-answer` */
export function parseInspection(body: unknown): Inspection {
  const { identity, ...rest } = parseValue(inspectionShape, body, "the peer's answer", 'bad-answer')
  return { ...rest, identity: parsePublicIdentity(identity, "the peer's answer") }
}

/** Undefined, which no JSON text means, for what is no JSON. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function bounded(value: object, code: ErrorCode): string {
  const line = `${JSON.stringify(value)}\n`
  const bytes = new TextEncoder().encode(line).length - 1
  if (bytes <= MAX_LINE_BYTES) return line
  throw new ClawError(code, `Cannot send ${bytes} bytes in one line: ${MAX_LINE_BYTES} is the limit`)
}

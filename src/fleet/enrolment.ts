import { ClawError } from './error.ts'
import { lazy } from './lazy.ts'
import { field, type GatewayId, idKey, lenient, parseValue, type Source, z } from './parse.ts'
import {
  CLAN_KEY_TYPES,
  HOST_KEY_TYPES,
  keyField,
  type PublicKey,
  parsePublicKey,
  publicKeyText,
} from './public-key.ts'
import { safeName } from './text.ts'

/** How a machine is reached by SSH, and the key its sshd must show. */
export type Reach = { readonly ip: string; readonly sshPort: number; readonly hostKey: PublicKey }

/** One machine as it is made known to another. */
export type Introduced = {
  readonly gatewayId: GatewayId
  readonly name: string
  /** 1..9999; 0 means it never leads. */
  readonly leadNumber: number
  readonly sshUser: string
  readonly version: string
  readonly clanPublicKey: PublicKey
  /** Null for a machine that cannot be reached from there: it may look, and is not looked at. */
  readonly reach: Reach | null
}

/** What the operator's program hands to `claw-setup-ssh introduce` on another machine, as JSON on stdin. */
export type IntroductionRequest = {
  readonly machines: readonly Introduced[]
  /** Machines to forget again: an enrolment that could not be finished. */
  readonly forget: readonly GatewayId[]
}

export type IntroducedResult = {
  readonly gatewayId: GatewayId
  readonly result: 'added' | 'updated' | 'unchanged' | 'forgotten' | 'refused'
  /** Why it was refused, fit to be shown; null otherwise. */
  readonly reason: string | null
}

/** What `introduce` answers: the machine about itself, then what became of each machine it was given. */
export type IntroductionAnswer = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly leadNumber: number
  readonly sshUser: string
  readonly sshPort: number
  readonly version: string
  readonly clanPublicKey: PublicKey
  /** What its own sshd shows on its own loopback; empty when nothing answers there. */
  readonly hostKeys: readonly PublicKey[]
  readonly machines: readonly IntroducedResult[]
}

/** More machines than any fleet has; a document with more is refused whole. */
export const MAX_INTRODUCED = 256

const machine = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    name: z.string(),
    leadNumber: lenient.leadNumber(),
    sshUser: field.sshUser,
    version: lenient.shortText(),
    clanPublicKey: keyField(CLAN_KEY_TYPES),
    ip: z.optional(z.nullable(field.host)),
    sshPort: z.catch(field.port, 22),
    hostKey: z.optional(z.nullable(keyField(HOST_KEY_TYPES))),
  }),
)

const request = lazy(() =>
  z.object({
    machines: z
      .array(machine())
      .check(z.maxLength(MAX_INTRODUCED, { error: `at most ${MAX_INTRODUCED} machines` })),
    forget: z.catch(z.array(field.gatewayId), []),
  }),
)

/** @throws {ClawError} `bad-input` naming the first field that is wrong, also for a machine given twice */
export function parseIntroductionRequest(json: string, source: Source): IntroductionRequest {
  const { machines, forget } = parseValue(request, parseJson(json, source, 'bad-input'), source)
  const ids = machines.map(({ gatewayId }) => idKey(gatewayId))
  const twice = machines.find(({ gatewayId }, index) => ids.indexOf(idKey(gatewayId)) !== index)
  if (twice !== undefined) {
    throw new ClawError('bad-input', `Cannot use ${source}: machine "${twice.gatewayId}" is in it twice`)
  }
  return { machines: machines.map(given => introduced(given, source)), forget }
}

function introduced(given: z.core.output<ReturnType<typeof machine>>, source: Source): Introduced {
  const { ip, sshPort, hostKey, clanPublicKey, name, ...rest } = given
  const isReachable = ip !== undefined && ip !== null && hostKey !== undefined && hostKey !== null
  return {
    ...rest,
    name: safeName(name, given.gatewayId),
    clanPublicKey: parsePublicKey(clanPublicKey, CLAN_KEY_TYPES, source),
    reach: isReachable ? { ip, sshPort, hostKey: parsePublicKey(hostKey, HOST_KEY_TYPES, source) } : null,
  }
}

/** The document as it travels: one line, so that it can stand between two lines of a shell's here-document. */
export function introductionRequestText({ machines, forget }: IntroductionRequest): string {
  const flat = machines.map(({ reach, clanPublicKey, ...rest }) => ({
    ...rest,
    clanPublicKey: publicKeyText(clanPublicKey),
    ip: reach?.ip ?? null,
    sshPort: reach?.sshPort ?? null,
    hostKey: reach === null ? null : publicKeyText(reach.hostKey),
  }))
  return JSON.stringify({ schema: 1, machines: flat, forget })
}

const answer = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    name: z.catch(z.string(), ''),
    leadNumber: lenient.leadNumber(),
    sshUser: field.sshUser,
    sshPort: field.port,
    version: lenient.shortText(),
    clanPublicKey: keyField(CLAN_KEY_TYPES),
    hostKeys: z.catch(z.array(keyField(HOST_KEY_TYPES)), []),
    machines: z.array(
      z.object({
        gatewayId: field.gatewayId,
        result: z.enum(['added', 'updated', 'unchanged', 'forgotten', 'refused']),
        reason: z.catch(z.nullable(z.string()), null),
      }),
    ),
  }),
)

const failure = lazy(() =>
  z.object({
    error: z.object({ message: z.string(), hint: z.catch(z.optional(z.string()), undefined) }),
  }),
)

/**
 * @throws {ClawError} `peer-refused` with the other program's own words when it failed; `bad-answer` for anything
 *   but an answer of `introduce`
 */
export function parseIntroductionAnswer(json: string, source: Source): IntroductionAnswer {
  const document = parseJson(json, source, 'bad-answer')
  const failed = z.safeParse(failure(), document)
  if (failed.success) {
    const { message, hint } = failed.data.error
    throw new ClawError('peer-refused', `${source} failed: ${message}`, hint === undefined ? {} : { hint })
  }
  const read = parseValue(answer, document, source, 'bad-answer')
  return {
    ...read,
    name: safeName(read.name, read.gatewayId),
    clanPublicKey: parsePublicKey(read.clanPublicKey, CLAN_KEY_TYPES, source),
    hostKeys: read.hostKeys.map(key => parsePublicKey(key, HOST_KEY_TYPES, source)),
  }
}

/** The answer as `introduce --json` prints it. */
export function introductionAnswerDocument(given: IntroductionAnswer) {
  return {
    ...given,
    clanPublicKey: publicKeyText(given.clanPublicKey),
    hostKeys: given.hostKeys.map(publicKeyText),
  }
}

function parseJson(json: string, source: Source, code: 'bad-input' | 'bad-answer'): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new ClawError(code, `Cannot use ${source}: it is not JSON`, { cause: error })
  }
}

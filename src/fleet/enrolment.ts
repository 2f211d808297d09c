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
import type { Revocation } from './revocation.ts'
import { stored } from './stored.ts'
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
  /** It is only looked at: it gets no right to look. */
  readonly oneWay?: boolean
  readonly mayBeAway?: boolean
  readonly incarnation?: number
  /** The latest revocation of it that the owner lifted by adding it again; UTC, ISO 8601. */
  readonly liftedUpTo?: string | undefined
}

/** What the operator's program hands to `claw-setup-ssh introduce` on another machine, as JSON on stdin. */
export type IntroductionRequest = {
  readonly machines: readonly Introduced[]
  /** Machines to forget: the owner's order, or an enrolment that could not be finished. */
  readonly forget: readonly GatewayId[]
  /** Machines to forget that must not come back. */
  readonly revoke?: readonly Revocation[]
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
    oneWay: z.optional(z.boolean()),
    mayBeAway: z.catch(z.optional(z.boolean()), undefined),
    incarnation: z.catch(z.optional(z.number()), undefined),
    liftedUpTo: z.optional(instant()),
  }),
)

const instant = () =>
  z.string().check(z.refine(text => stored.time(text) !== null, { error: 'a UTC time, ISO 8601' }))

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/
const fingerprint = () => z.catch(z.nullable(z.string().check(z.regex(FINGERPRINT))), null)

const revocation = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    clanKey: fingerprint(),
    hostKey: fingerprint(),
    incarnation: z.catch(z.nullable(z.number()), null),
    revokedAt: instant(),
  }),
)

const atMost = () => z.maxLength(MAX_INTRODUCED, { error: `at most ${MAX_INTRODUCED} machines` })

const request = lazy(() =>
  z.object({
    machines: z.array(machine()).check(atMost()),
    forget: z.catch(z.array(field.gatewayId), []),
    revoke: z.optional(z.array(revocation()).check(atMost())),
  }),
)

/** @throws {ClawError} `bad-input` naming the first field that is wrong, also for a machine given twice */
export function parseIntroductionRequest(json: string, source: Source): IntroductionRequest {
  const { machines, forget, revoke = [] } = parseValue(request, parseJson(json, source), source)
  const ids = machines.map(({ gatewayId }) => idKey(gatewayId))
  const twice = machines.find(({ gatewayId }, index) => ids.indexOf(idKey(gatewayId)) !== index)
  if (twice !== undefined) {
    throw new ClawError('bad-input', `Cannot use ${source}: machine "${twice.gatewayId}" is in it twice`)
  }
  return {
    machines: machines.map(given => introduced(given, source)),
    forget,
    revoke: revoke.map(given => ({ ...given, liftedAt: null })),
  }
}

function introduced(given: z.core.output<ReturnType<typeof machine>>, source: Source): Introduced {
  const { ip, sshPort, hostKey, clanPublicKey, name, oneWay, mayBeAway, incarnation, ...rest } = given
  const isReachable = ip !== undefined && ip !== null && hostKey !== undefined && hostKey !== null
  return {
    ...rest,
    ...(oneWay === true ? { oneWay } : {}),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(incarnation === undefined ? {} : { incarnation }),
    name: safeName(name, given.gatewayId),
    clanPublicKey: parsePublicKey(clanPublicKey, CLAN_KEY_TYPES, source),
    reach: isReachable ? { ip, sshPort, hostKey: parsePublicKey(hostKey, HOST_KEY_TYPES, source) } : null,
  }
}

/** The document as it travels: one line, so that it can stand between two lines of a shell's here-document. */
export function introductionRequestText({ machines, forget, revoke = [] }: IntroductionRequest): string {
  const flat = machines.map(({ reach, clanPublicKey, ...rest }) => ({
    ...rest,
    clanPublicKey: publicKeyText(clanPublicKey),
    ip: reach?.ip ?? null,
    sshPort: reach?.sshPort ?? null,
    hostKey: reach === null ? null : publicKeyText(reach.hostKey),
  }))
  return JSON.stringify({ schema: 1, machines: flat, forget, ...(revoke.length === 0 ? {} : { revoke }) })
}

function parseJson(json: string, source: Source): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new ClawError('bad-input', `Cannot use ${source}: it is not JSON`, { cause: error })
  }
}

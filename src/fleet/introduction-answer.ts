import { ClawError } from './error.ts'
import { lazy } from './lazy.ts'
import { field, type GatewayId, lenient, parseValue, type Source, z } from './parse.ts'
import {
  CLAN_KEY_TYPES,
  HOST_KEY_TYPES,
  keyField,
  type PublicKey,
  parsePublicKey,
  publicKeyText,
} from './public-key.ts'
import { foreignLine, safeName } from './text.ts'

export type IntroducedResult = {
  readonly gatewayId: GatewayId
  readonly result: 'added' | 'updated' | 'unchanged' | 'forgotten' | 'revoked' | 'refused'
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
  /** Its own idea of its address; undefined from an older version. */
  readonly ip?: string | undefined
  readonly mayBeAway?: boolean | undefined
  readonly incarnation?: number | undefined
  readonly clanPublicKey: PublicKey
  /** What its own sshd shows on its own loopback; empty when nothing answers there. */
  readonly hostKeys: readonly PublicKey[]
  readonly machines: readonly IntroducedResult[]
}

const answer = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    name: z.catch(z.string(), ''),
    leadNumber: lenient.leadNumber(),
    sshUser: field.sshUser,
    sshPort: field.port,
    version: lenient.shortText(),
    ip: z.catch(z.optional(field.host), undefined),
    mayBeAway: z.catch(z.optional(z.boolean()), undefined),
    incarnation: z.catch(z.optional(z.number()), undefined),
    clanPublicKey: keyField(CLAN_KEY_TYPES),
    hostKeys: z.catch(z.array(keyField(HOST_KEY_TYPES)), []),
    machines: z.array(
      z.object({
        gatewayId: field.gatewayId,
        result: z.enum(['added', 'updated', 'unchanged', 'forgotten', 'revoked', 'refused']),
        reason: z.catch(z.nullable(z.pipe(z.string(), z.transform(foreignLine))), null),
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
  const document = parseJson(json, source)
  const failed = z.safeParse(failure(), document)
  if (failed.success) {
    const { message, hint } = failed.data.error
    // Its next step is one for over there, and a machine in other hands must not give us one.
    const there = hint === undefined ? {} : { hint: `It says: ${foreignLine(hint)}` }
    throw new ClawError('peer-refused', `${source} failed: ${foreignLine(message)}`, there)
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

function parseJson(json: string, source: Source): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new ClawError('bad-answer', `Cannot use ${source}: it is not JSON`, { cause: error })
  }
}

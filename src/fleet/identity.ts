import { lazy } from './lazy.ts'
import { field, type GatewayId, isGatewayId, lenient, parseValue, type Source, z } from './parse.ts'
import { stored, storedId, storedRecord, storedUser } from './stored.ts'
import { safeName } from './text.ts'

/** What this machine says of itself: `state.json`, and without repository and secrets `identity.json`. */
export type Identity = {
  readonly gatewayId: GatewayId
  readonly name: string
  /** 1..9999; 0 means this machine never leads. */
  readonly leadNumber: number
  readonly ip: string
  readonly sshUser: string
  /** Port of this machine's own sshd. */
  readonly sshPort: number
  readonly version: string
  /** UTC, ISO 8601. */
  readonly registeredAt: string
  readonly githubRepo: string | null
  /** Raised at each setup; of two claims about one machine the higher wins. */
  readonly incarnation: number
  /** SHA256 fingerprint of this machine's clan key, once made. */
  readonly clanKey?: string
  /** Its owner says it may be closed or carried away: then being offline opens no incident. */
  readonly mayBeAway?: boolean
  /** claw-clan came here over SSH, and from which machine. */
  readonly remoteInstalled?: boolean
  readonly installedBy?: GatewayId
}

/** What a machine tells another about itself; everything beyond the id may be missing on old machines. */
export type PublicIdentity = Pick<Identity, 'gatewayId' | 'name' | 'leadNumber' | 'sshUser' | 'version'> &
  Partial<Pick<Identity, 'clanKey' | 'incarnation' | 'sshPort' | 'mayBeAway'>>

/**
 * Read `state.json`, our own or the bash version's; unknown keys stay on the object and are written back.
 *
 * @throws {ClawError} `damaged-state` if id or login name are missing or not allowed
 */
export function parseIdentity(value: unknown, source: Source): Identity {
  const { clanKey, mayBeAway, remoteInstalled, installedBy, ...file } = storedRecord(value, source)
  const gatewayId = storedId(file, source)
  return {
    ...file,
    gatewayId,
    name: safeName(stored.text(file.name), gatewayId),
    leadNumber: stored.leadNumber(file.leadNumber),
    ip: stored.text(file.ip),
    sshUser: storedUser(file, source),
    sshPort: stored.port(file.sshPort) ?? 22,
    version: stored.shortText(file.version),
    registeredAt: stored.shortText(file.registeredAt),
    githubRepo: stored.optionalText(file.githubRepo),
    incarnation: stored.count(file.incarnation),
    ...(typeof clanKey === 'string' ? { clanKey } : {}),
    ...(typeof mayBeAway === 'boolean' ? { mayBeAway } : {}),
    ...(typeof remoteInstalled === 'boolean' ? { remoteInstalled } : {}),
    ...(typeof installedBy === 'string' && isGatewayId(installedBy) ? { installedBy } : {}),
  }
}

const publicFile = lazy(() =>
  z.object({
    gatewayId: field.gatewayId,
    name: z.catch(z.string(), ''),
    leadNumber: lenient.leadNumber(),
    sshUser: z.catch(field.sshUser, ''),
    sshPort: z.catch(z.optional(field.port), undefined),
    version: lenient.shortText(),
    incarnation: z.catch(z.optional(z.number()), undefined),
    clanKey: z.catch(z.optional(z.string()), undefined),
    mayBeAway: z.catch(z.optional(z.boolean()), undefined),
  }),
)

/**
 * Read what another machine says of itself. Only the known keys pass; they are hostile until here.
 *
 * @throws {ClawError} `bad-answer` without a valid gateway id
 */
export function parsePublicIdentity(value: unknown, source: Source): PublicIdentity {
  const claim = parseValue(publicFile, value, source, 'bad-answer')
  const { sshPort, incarnation, clanKey, mayBeAway, ...rest } = claim
  return {
    ...rest,
    name: safeName(claim.name, claim.gatewayId),
    ...(sshPort === undefined ? {} : { sshPort }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(clanKey === undefined || clanKey.length > 64 ? {} : { clanKey }),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
  }
}

/** The part of an identity that other machines may read; the peer's gate prints it with every ack. */
export function publicPart(self: Identity): PublicIdentity {
  const { gatewayId, name, leadNumber, sshUser, sshPort, version, incarnation, clanKey, mayBeAway } = self
  return {
    gatewayId,
    name,
    leadNumber,
    sshUser,
    sshPort,
    version,
    incarnation,
    ...(clanKey === undefined ? {} : { clanKey }),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
  }
}

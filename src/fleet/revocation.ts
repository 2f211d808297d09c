import { type GatewayId, idKey, isGatewayId } from './parse.ts'
import { stored } from './stored.ts'

/**
 * A machine that must not come back by itself, as after a theft: introductions of its id, its clan key or its host
 * key are refused until the owner adds it again.
 */
export type Revocation = {
  readonly gatewayId: GatewayId
  /** SHA256 fingerprints; null where none was known. */
  readonly clanKey: string | null
  readonly hostKey: string | null
  readonly incarnation: number | null
  /** UTC, ISO 8601. */
  readonly revokedAt: string
  /** When the owner added it again; null while it is revoked. */
  readonly liftedAt: string | null
}

/** What a machine is known by when it is to be enrolled: fingerprints, as in a revocation. */
export type Claimed = {
  readonly gatewayId: GatewayId
  readonly clanKey?: string | undefined
  readonly hostKey?: string | undefined
}

/** The revocations a machine falls under: a thief may have changed its id, or one of its keys. */
export const revocationsOf = (revocations: readonly Revocation[], claimed: Claimed): readonly Revocation[] =>
  revocations.filter(
    ({ gatewayId, clanKey, hostKey }) =>
      idKey(gatewayId) === idKey(claimed.gatewayId) ||
      (clanKey !== null && clanKey === claimed.clanKey) ||
      (hostKey !== null && hostKey === claimed.hostKey),
  )

/** Revocations that hold. */
export const inForce = (revocations: readonly Revocation[]): readonly Revocation[] =>
  revocations.filter(({ liftedAt }) => liftedAt === null)

/**
 * Up to which revocation the owner has said of a machine that it may come back.
 *
 * It travels with an introduction, so that one `add` lifts a revocation everywhere, while a machine that has not
 * heard of the revocation cannot bring the revoked one back.
 *
 * @returns null when none of its revocations was lifted
 */
export function liftedUpTo(revocations: readonly Revocation[], claimed: Claimed): string | null {
  const lifted = revocationsOf(revocations, claimed).filter(({ liftedAt }) => liftedAt !== null)
  return (
    lifted
      .map(({ revokedAt }) => revokedAt)
      .toSorted()
      .at(-1) ?? null
  )
}

/** Read a revocation back from where it is kept; undefined for what is none. */
export function parseRevocation(row: Readonly<Record<string, unknown>>): Revocation | undefined {
  const { clanKey, hostKey, incarnation } = row
  const gatewayId = stored.text(row.gatewayId)
  const revokedAt = stored.time(row.revokedAt)
  if (!isGatewayId(gatewayId) || revokedAt === null) return undefined
  return {
    gatewayId,
    clanKey: typeof clanKey === 'string' ? clanKey : null,
    hostKey: typeof hostKey === 'string' ? hostKey : null,
    incarnation: typeof incarnation === 'number' ? incarnation : null,
    revokedAt,
    liftedAt: stored.time(row.liftedAt),
  }
}

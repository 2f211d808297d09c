import { ClawError } from '../fleet/error.ts'
import { type Claimed, inForce, type Revocation, revocationsOf } from '../fleet/revocation.ts'
import type { AdmitDeps } from './admit.ts'

type LiftDeps = Pick<AdmitDeps, 'store' | 'clock'>

/**
 * Let an introduced machine in only when no revocation bars it, or when the owner has lifted the one that does on
 * the machine that introduces it.
 *
 * @param liftedUpTo  what the introduction says of that
 * @throws {ClawError} `peer-refused`, saying since when it is revoked
 */
export async function refuseRevoked(
  deps: LiftDeps,
  claimed: Claimed,
  liftedUpTo: string | undefined,
): Promise<void> {
  const barring = inForce(revocationsOf(await deps.store.revocations(), claimed))
  const [bar] = barring.filter(({ revokedAt }) => liftedUpTo === undefined || revokedAt > liftedUpTo)
  if (bar !== undefined) {
    const since = bar.revokedAt.slice(0, 10)
    throw new ClawError(
      'peer-refused',
      `"${claimed.gatewayId}" was revoked here on ${since} as "${bar.gatewayId}"`,
      {
        hint: '"claw-setup-ssh add USER HOST" takes it in again, on all machines',
      },
    )
  }
  await lift(deps, barring)
}

/** The owner adds a machine: whatever bars it is over. @returns the revocations that were lifted */
export async function liftRevocations(deps: LiftDeps, claimed: Claimed): Promise<readonly Revocation[]> {
  const barring = inForce(revocationsOf(await deps.store.revocations(), claimed))
  await lift(deps, barring)
  return barring
}

/** What the owner is told of it, one line each. */
export const liftedLines = (lifted: readonly Revocation[]): readonly string[] =>
  lifted.map(
    ({ gatewayId, revokedAt }) =>
      `"${gatewayId}" was revoked on ${revokedAt.slice(0, 10)}: it is taken in again`,
  )

async function lift({ store, clock }: LiftDeps, barring: readonly Revocation[]): Promise<void> {
  const liftedAt = clock.now().toISOString()
  await store.saveRevocations(barring.map(one => ({ ...one, liftedAt })))
}

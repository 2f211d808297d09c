import type { OperatorReport } from '../fleet/operator-step.ts'
import { knownMachine } from './enrol-checks.ts'
import { type EnrolDeps, type EnrolRequest, loginOf } from './enrolment.ts'
import { type VouchDeps, type Vouched, vouchedHostKey } from './vouch.ts'

export type TestedLogin = {
  readonly hostKey: string
  readonly hostKeyBy: Vouched['by']
  readonly setUp: OperatorReport['setUp']
  readonly gatewayId: string | null
}

/**
 * Does the owner's own login work there? Nothing is changed on either side, and no host key is pinned.
 *
 * @throws {ClawError} what is in the way, one code per kind: host key, address, sshd, login
 */
export async function testLogin(
  deps: Pick<EnrolDeps, 'store' | 'pinsOf' | 'asOperator' | keyof VouchDeps>,
  request: EnrolRequest,
): Promise<TestedLogin> {
  const known = knownMachine((await deps.store.peers()).peers, request)
  const pinned = known === undefined ? [] : deps.pinsOf(known.gatewayId)
  const { key, by } = await vouchedHostKey(deps, { ...request, pinned, gatewayId: known?.gatewayId })
  const { setUp, gatewayId } = await deps.asOperator(loginOf(request, key), { kind: 'look' })
  return { hostKey: deps.fingerprint(key), hostKeyBy: by, setUp, gatewayId: gatewayId ?? null }
}

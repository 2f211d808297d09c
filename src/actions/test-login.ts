import { ClawError } from '../fleet/error.ts'
import type { OperatorReport } from '../fleet/operator-step.ts'
import { knownMachine } from './enrol-checks.ts'
import { type EnrolDeps, type EnrolRequest, loginOf } from './enrolment.ts'
import { type VouchDeps, type Vouched, vouchedHostKey } from './vouch.ts'

export type TestLoginDeps = Pick<EnrolDeps, 'store' | 'pinsOf' | 'asOperator' | keyof VouchDeps> & {
  /** Stops when only the owner's jump hosts lead there. */
  readonly needDirectWay: (at: TestRequest) => Promise<void>
}

/** `jump`: what of the owner's ssh_config leads there. */
export type TestRequest = EnrolRequest & { readonly jump?: string }

/** The keys are a public interface. */
export type TestedLogin = {
  readonly hostKey: string
  readonly hostKeyBy: Vouched['by']
  readonly setUp: OperatorReport['setUp']
  readonly gatewayId: string | null
  /** Where other machines would reach it. */
  readonly host: string
  readonly port: number
  /** The jump host the login went through; null without one. */
  readonly jump: string | null
  /** Why other machines could not reach it, which come without the owner's jump hosts; null when they can. */
  readonly noDirectWay: string | null
}

/**
 * Does the owner's own login work there? Nothing is changed on either side, and no host key is pinned.
 *
 * @throws {ClawError} what is in the way, one code per kind: host key, address, sshd, login
 */
export async function testLogin(deps: TestLoginDeps, request: TestRequest): Promise<TestedLogin> {
  const { host, port, jump = null } = request
  const known = knownMachine((await deps.store.peers()).peers, request)
  const pinned = known === undefined ? [] : deps.pinsOf(known.gatewayId)
  const { key, by } = await vouchedHostKey(deps, { ...request, pinned, gatewayId: known?.gatewayId })
  const { setUp, gatewayId = null } = await deps.asOperator(loginOf(request, key), { kind: 'look' })
  const noDirectWay = await deps.needDirectWay(request).then(() => null, messageOf)
  const found = { hostKey: deps.fingerprint(key), hostKeyBy: by, setUp, gatewayId }
  return { ...found, host, port, jump, noDirectWay }
}

function messageOf(error: unknown): string {
  if (error instanceof ClawError) return error.message
  throw error
}

import { enrolledPeer } from '../fleet/enrolled-peer.ts'
import type { Introduced, IntroductionRequest, Reach } from '../fleet/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { IntroducedResult, IntroductionAnswer } from '../fleet/introduction-answer.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import type { Claimed, Revocation } from '../fleet/revocation.ts'
import { type AdmitDeps, admit } from './admit.ts'
import { forgetPeer, removeRecord } from './forget.ts'
import { refuseRevoked } from './lift.ts'
import { revokeAsTold } from './revoke.ts'

export type IntroduceDeps = AdmitDeps & {
  readonly self: Identity
  readonly clanKey: PublicKey
  /** The host key our own sshd shows on loopback; undefined when nothing answers there. */
  readonly ownHostKey: () => Promise<PublicKey | undefined>
}

/**
 * Enrol the machines another machine's operator vouches for, and say who we are. Without machines it only says
 * so, and changes nothing.
 *
 * One machine that cannot be enrolled does not keep the others out: it is answered as refused, with the reason.
 */
export async function introduce(
  deps: IntroduceDeps,
  request: IntroductionRequest,
): Promise<IntroductionAnswer> {
  const { self, clanKey } = deps
  const machines: IntroducedResult[] = []
  for (const told of request.revoke ?? []) machines.push(await revoke(deps, told))
  for (const machine of request.machines) machines.push(await enter(deps, machine))
  for (const id of request.forget) {
    await forgetPeer(deps, id, { mayBeUnknown: true })
    machines.push({ gatewayId: id, result: 'forgotten', reason: null })
  }
  const hostKey = await deps.ownHostKey()
  const { gatewayId, name, leadNumber, sshUser, sshPort, version, ip, mayBeAway, incarnation } = self
  const hostKeys = hostKey === undefined ? [] : [hostKey]
  return {
    gatewayId,
    name,
    leadNumber,
    sshUser,
    sshPort,
    version,
    ip,
    mayBeAway,
    incarnation,
    clanPublicKey: clanKey,
    hostKeys,
    machines,
  }
}

async function revoke(deps: IntroduceDeps, told: Revocation): Promise<IntroducedResult> {
  const { gatewayId } = told
  if (idKey(gatewayId) === idKey(deps.self.gatewayId)) return refusedAsOurselves(gatewayId)
  return { gatewayId, result: (await revokeAsTold(deps, told)) ? 'revoked' : 'unchanged', reason: null }
}

const refusedAsOurselves = (gatewayId: GatewayId): IntroducedResult => ({
  gatewayId,
  result: 'refused',
  reason: `"${gatewayId}" is this machine's own id`,
})

async function enter(deps: IntroduceDeps, machine: Introduced): Promise<IntroducedResult> {
  const { gatewayId, reach } = machine
  if (idKey(gatewayId) === idKey(deps.self.gatewayId)) return refusedAsOurselves(gatewayId)
  try {
    const claimed = claimOf(deps, machine)
    await refuseRevoked(deps, claimed, machine.liftedUpTo)
    const result = reach === null ? await grantOnly(deps, machine) : await admitAt(deps, machine, reach)
    await refuseRevokedMeanwhile(deps, claimed)
    return { gatewayId, result, reason: null }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    const next = error.hint === undefined ? '' : `; on ${deps.self.gatewayId}: ${error.hint}`
    return { gatewayId, result: 'refused', reason: `${error.message}${next}` }
  }
}

/**
 * A revocation is written before it takes anything away, so that either we see it here or it takes away what we have
 * just given.
 */
async function refuseRevokedMeanwhile(deps: IntroduceDeps, claimed: Claimed): Promise<void> {
  try {
    await refuseRevoked(deps, claimed, undefined)
  } catch (error) {
    await forgetPeer(deps, claimed.gatewayId, { mayBeUnknown: true })
    throw error
  }
}

const claimOf = ({ fingerprint }: IntroduceDeps, { gatewayId, clanPublicKey, reach }: Introduced) => ({
  gatewayId,
  clanKey: fingerprint(clanPublicKey),
  hostKey: reach === null ? undefined : fingerprint(reach.hostKey),
})

/** A machine we cannot reach may look at us, and is no peer, or no longer one. What fails gives it no right. */
async function grantOnly(deps: IntroduceDeps, { gatewayId, clanPublicKey }: Introduced) {
  await deps.unpinHost(gatewayId)
  const wasPeer = await removeRecord(deps, gatewayId)
  const granted = await deps.grant(gatewayId, clanPublicKey)
  if (granted === 'added') return granted
  return wasPeer || granted === 'replaced' ? 'updated' : 'unchanged'
}

async function admitAt(deps: IntroduceDeps, machine: Introduced, { ip, sshPort, hostKey }: Reach) {
  const { gatewayId, name, leadNumber, sshUser, version, clanPublicKey, oneWay, mayBeAway, incarnation } =
    machine
  const facts = {
    ...{ gatewayId, name, leadNumber, sshUser, version, ip, sshPort, clawClanInstalled: true },
    hostKey: deps.fingerprint(hostKey),
    clanKey: deps.fingerprint(clanPublicKey),
    ...(oneWay === true ? { oneWay } : {}),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(incarnation === undefined ? {} : { incarnation }),
  }
  const { result } = await admit(deps, {
    ...{ gatewayId, hostKey, host: ip, port: sshPort },
    clanKey: oneWay === true ? undefined : clanPublicKey,
    record: known => enrolledPeer(known, facts, deps.clock.now()),
  })
  return result
}

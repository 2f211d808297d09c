import { enrolledPeer } from '../fleet/enrolled-peer.ts'
import type {
  Introduced,
  IntroducedResult,
  IntroductionAnswer,
  IntroductionRequest,
  Reach,
} from '../fleet/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import { idKey } from '../fleet/parse.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import { type AdmitDeps, admit } from './admit.ts'
import { forgetPeer, removeRecord } from './forget.ts'

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
  for (const machine of request.machines) machines.push(await enter(deps, machine))
  for (const id of request.forget) {
    await forgetPeer(deps, id, { mayBeUnknown: true })
    machines.push({ gatewayId: id, result: 'forgotten', reason: null })
  }
  const hostKey = await deps.ownHostKey()
  const { gatewayId, name, leadNumber, sshUser, sshPort, version } = self
  const hostKeys = hostKey === undefined ? [] : [hostKey]
  return {
    gatewayId,
    name,
    leadNumber,
    sshUser,
    sshPort,
    version,
    clanPublicKey: clanKey,
    hostKeys,
    machines,
  }
}

async function enter(deps: IntroduceDeps, machine: Introduced): Promise<IntroducedResult> {
  const { gatewayId, reach } = machine
  if (idKey(gatewayId) === idKey(deps.self.gatewayId)) {
    return { gatewayId, result: 'refused', reason: `"${gatewayId}" is this machine's own id` }
  }
  try {
    const result = reach === null ? await grantOnly(deps, machine) : await admitAt(deps, machine, reach)
    return { gatewayId, result, reason: null }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return { gatewayId, result: 'refused', reason: error.message }
  }
}

/** A machine we cannot reach may look at us, and is no peer, or no longer one. */
async function grantOnly(deps: IntroduceDeps, { gatewayId, clanPublicKey }: Introduced) {
  const granted = await deps.grant(gatewayId, clanPublicKey)
  await deps.unpinHost(gatewayId)
  const wasPeer = await removeRecord(deps, gatewayId)
  if (granted === 'added') return granted
  return wasPeer || granted === 'replaced' ? 'updated' : 'unchanged'
}

async function admitAt(deps: IntroduceDeps, machine: Introduced, { ip, sshPort, hostKey }: Reach) {
  const { gatewayId, name, leadNumber, sshUser, version, clanPublicKey } = machine
  const facts = {
    ...{ gatewayId, name, leadNumber, sshUser, version, ip, sshPort, clawClanInstalled: true },
    hostKey: deps.fingerprint(hostKey),
    clanKey: deps.fingerprint(clanPublicKey),
  }
  const { result } = await admit(deps, {
    ...{ gatewayId, hostKey, host: ip, port: sshPort, clanKey: clanPublicKey },
    record: known => enrolledPeer(known, facts, deps.clock.now()),
  })
  return result
}

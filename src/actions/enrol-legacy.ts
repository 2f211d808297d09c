import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import { enrolledPeer } from '../fleet/enrolled-peer.ts'
import { ClawError } from '../fleet/error.ts'
import { judge } from '../fleet/health.ts'
import { idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { shellWord } from '../fleet/ssh-failure.ts'
import { admit, refuseOtherKey } from './admit.ts'
import { checkGivenId, leadRivals, legacyId } from './enrol-checks.ts'
import type { EnrolDeps, Enrolment, EnrolRequest } from './enrolment.ts'
import { liftedLines, liftRevocations } from './lift.ts'
import type { Vouched } from './vouch.ts'

type Begun = { readonly vouched: Vouched; readonly login: OperatorLogin; readonly peers: readonly Peer[] }

/**
 * Enrol a machine that has no gate of ours, the bash version's or none: it is probed through its login shell with
 * the key file named here, and nothing is changed on it.
 *
 * @throws {ClawError} a code of ssh when that key does not log in; `peer-refused` when the proof fails
 */
export async function enrolLegacy(deps: EnrolDeps, request: EnrolRequest, begun: Begun): Promise<Enrolment> {
  const { legacyKey = '', host, port, user, alias } = request
  const { key: hostKey, by: hostKeyBy } = begun.vouched
  deps.onProgress(`logging in to ${host} as ${user} with ${legacyKey}`)
  const report = await deps.asOperator({ ...begun.login, identityFile: legacyKey }, { kind: 'look' })
  const gatewayId = legacyId(request, report)
  checkGivenId(deps.self, { gatewayId })
  refuseOtherKey(deps, gatewayId, hostKey)
  const known = begun.peers.find(peer => idKey(peer.gatewayId) === idKey(gatewayId))
  const facts = {
    ...{ gatewayId, ip: host, sshPort: port, sshUser: user, legacyKey },
    name: request.name ?? known?.name ?? gatewayId,
    leadNumber: known?.leadNumber ?? 0,
    hostKey: deps.fingerprint(hostKey),
    clawClanInstalled: report.setUp !== 'no',
    ...(alias === undefined ? {} : { sshAlias: alias }),
  }
  const at = deps.clock.now()
  const outcome = await deps.probe(enrolledPeer(known, facts, at), hostKey)
  if (outcome.kind !== 'ack') {
    throw new ClawError('peer-refused', `Cannot enrol "${gatewayId}": ${outcome.reason}: ${outcome.detail}`, {
      hint: `Check that "ssh -i ${shellWord(legacyKey)} -p ${port} ${user}@${host}" opens a shell there`,
    })
  }
  const { result, peer } = await admit(deps, {
    gatewayId,
    clanKey: undefined,
    ...{ host, port, hostKey },
    record: current => judge(enrolledPeer(current, facts, at), outcome, at, 1).peer,
  })
  const lifted = await liftRevocations(deps, { gatewayId, hostKey: facts.hostKey })
  return {
    change: result,
    peer,
    hostKeyBy,
    forwardMs: Math.round(outcome.responseMs),
    reverse: { outcome: 'off', reason: 'legacy', next: null },
    newcomer: null,
    warnings: [...leadRivals(deps.self, begun.peers, peer), ...liftedLines(lifted)],
  }
}

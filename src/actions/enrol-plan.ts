import type { Reach } from '../fleet/enrolment.ts'
import type { IntroductionAnswer } from '../fleet/introduction-answer.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import type { EnrolDeps, EnrolRequest } from './enrolment.ts'
import { isToMeet } from './introduce-fleet.ts'
import type { Vouched } from './vouch.ts'

/** What an enrolment would change; nothing was. The keys are a public interface. */
export type EnrolmentPlan = {
  readonly dryRun: true
  readonly gatewayId: GatewayId
  readonly name: string
  readonly leadNumber: number
  readonly change: 'added' | 'updated'
  readonly hostKey: string
  readonly hostKeyBy: Vouched['by']
  readonly oneWay: boolean
  /** One line per file that would change, on this machine and on the other. */
  readonly here: readonly string[]
  readonly there: readonly string[]
  /** Ids of the machines it would be introduced to. */
  readonly fleet: readonly GatewayId[]
  readonly warnings: readonly string[]
}

type Found = {
  readonly them: IntroductionAnswer
  readonly vouched: Vouched
  readonly back: Reach | null
  readonly peers: readonly Peer[]
  readonly warnings: readonly string[]
}

/** The plan of an enrolment that got as far as the other machine's answer. */
export function planOf(deps: EnrolDeps, request: EnrolRequest, found: Found): EnrolmentPlan {
  const { self, clanKey, fingerprint } = deps
  const { them, vouched, back, peers, warnings } = found
  const { gatewayId, name, leadNumber, clanPublicKey } = them
  const oneWay = request.oneWay || back === null
  const at = { ip: request.host, sshPort: request.port, hostKey: vouched.key }
  const grant = (id: string, key: PublicKey) =>
    `authorized_keys: the clan key ${fingerprint(key)} of ${id} may reach the gate`
  const known = (id: string, { ip, sshPort, hostKey }: Reach) => [
    `known_hosts: ${id} at ${ip} port ${sshPort} has the host key ${fingerprint(hostKey)}`,
    `peers/${id}.json: ${id} is enrolled`,
  ]
  return {
    ...{ dryRun: true, gatewayId, name, leadNumber, oneWay, warnings },
    change: peers.some(peer => idKey(peer.gatewayId) === idKey(gatewayId)) ? 'updated' : 'added',
    hostKey: fingerprint(vouched.key),
    hostKeyBy: vouched.by,
    here: [...(request.oneWay ? [] : [grant(gatewayId, clanPublicKey)]), ...known(gatewayId, at)],
    fleet: peers
      .filter(peer => isToMeet(peer, { gatewayId, oneWay: request.oneWay }))
      .map(peer => peer.gatewayId),
    there: [grant(self.gatewayId, clanKey), ...(back === null ? [] : known(self.gatewayId, back))],
  }
}

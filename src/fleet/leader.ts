import type { GatewayId } from './parse.ts'
import { byLeadNumber, type Roster } from './peer.ts'

/**
 * Who leads: the lowest lead number among online machines, self included; ties by gateway id. No quorum, no
 * votes: every machine answers from what it knows, and acts that must not happen twice ask for more than this.
 *
 * A machine with lead number 0, or one enrolled one-way, never leads.
 *
 * @returns the leader's id; undefined when nobody may lead
 */
export function leaderOf({ self, peers }: Roster): GatewayId | undefined {
  const online = peers.filter(peer => peer.status === 'online' && peer.oneWay !== true)
  return [self, ...online].filter(machine => machine.leadNumber > 0).toSorted(byLeadNumber)[0]?.gatewayId
}

import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { InstallSurvey } from '../fleet/install-survey.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { type PublicKey, sameKey } from '../fleet/public-key.ts'
import { idFromHostname, lowestFree } from './setup-former.ts'

/** Who a machine is, or becomes with its first install. */
export type RemoteIdentity = {
  readonly gatewayId: GatewayId
  /** What is still to be said to `claw-setup` there; undefined when the machine has its answers already. */
  readonly lead: number | undefined
}

export type Known = {
  readonly self: Identity
  readonly peers: readonly Peer[]
  /** Machines heard of and not enrolled: their lead numbers are taken too. */
  readonly heard: readonly Pick<Peer, 'gatewayId' | 'leadNumber'>[]
  readonly pinsOf: (id: GatewayId) => readonly PublicKey[]
}

export type WantedIdentity = {
  readonly host: string
  readonly gatewayId?: GatewayId | undefined
  readonly lead?: number | undefined
}

/**
 * Which id and lead number the machine has, or gets. A machine that has a state keeps it.
 *
 * @throws {ClawError} `bad-input` when the id is this machine's or another's: two machines of one id would take turns
 *   at being believed, and nothing has been changed there yet
 */
export function remoteIdentity(
  known: Known,
  wanted: WantedIdentity,
  { survey, hostKey }: { readonly survey: InstallSurvey; readonly hostKey: PublicKey },
): RemoteIdentity {
  const present = survey.setUp === 'no' ? undefined : survey.gatewayId
  if (present !== undefined && wanted.gatewayId !== undefined && !isSame(present, wanted.gatewayId)) {
    throw new ClawError(
      'bad-input',
      `Cannot install "${wanted.gatewayId}" on "${wanted.host}": it is "${present}" already`,
      {
        hint: `Leave the id out or give "${present}"; an id is changed there, with "claw-setup --gateway-id"`,
      },
    )
  }
  const gatewayId = present ?? wanted.gatewayId ?? idFromHostname(survey.hostName)
  refuseTaken(known, gatewayId, { host: wanted.host, hostKey })
  return { gatewayId, lead: present === undefined ? (wanted.lead ?? freeLead(known, gatewayId)) : undefined }
}

const isSame = (a: string, b: string): boolean => idKey(a) === idKey(b)

function refuseTaken(
  { self, peers, pinsOf }: Known,
  id: GatewayId,
  { host, hostKey }: { readonly host: string; readonly hostKey: PublicKey },
): void {
  const owner = peers.find(peer => isSame(peer.gatewayId, id))
  const isSelf = isSame(self.gatewayId, id)
  if (!isSelf && owner === undefined) return
  // The same host key, or address where none is pinned: it is that machine itself, wiped or never finished.
  const pins = pinsOf(id)
  const isOwner = pins.length === 0 ? owner?.ip === host : pins.some(pin => sameKey(pin, hostKey))
  if (!isSelf && isOwner) return
  throw idTaken(host, id, isSelf || owner === undefined ? 'this machine' : `"${owner.ip}"`)
}

/** @param owner  the machine that has the id, in words */
export const idTaken = (host: string, id: string, owner: string): ClawError =>
  new ClawError(
    'bad-input',
    `Cannot install "${host}" as "${id}": ${owner} has that id; nothing was changed`,
    {
      hint: `Give it another id behind its name; if it is the same machine reinstalled, run "claw-setup-ssh forget ${id}" first`,
    },
  )

function freeLead({ self, peers, heard }: Known, id: GatewayId): number {
  const others = [self, ...peers, ...heard].filter(one => !isSame(one.gatewayId, id) && one.leadNumber > 0)
  return lowestFree(new Map(others.map(one => [one.leadNumber, one.gatewayId])))
}

/** What becomes of the state, in words. */
export const stateText = ({ gatewayId, lead }: RemoteIdentity, { setUp }: InstallSurvey): string =>
  setUp === 'yes'
    ? `${gatewayId}, kept`
    : `${gatewayId}${lead === undefined ? ', taken over' : `, lead number ${lead}`}`

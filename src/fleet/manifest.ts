import { ClawError } from './error.ts'
import type { Identity } from './identity.ts'
import { lazy } from './lazy.ts'
import { type GatewayId, idKey, parseValue, type Source, z } from './parse.ts'
import { type Peer, parsePeer } from './peer.ts'

/** What `fleet.json` says of one machine: how to reach and know it, not how it is doing. */
export type Instance = {
  readonly gatewayId: GatewayId
  readonly name: string
  /** 1..9999; 0 means it never leads. */
  readonly leadNumber: number
  readonly ip: string
  readonly sshUser: string
  readonly sshPort: number
  readonly version?: string | undefined
  readonly incarnation?: number | undefined
  readonly hostKey?: string | undefined
  readonly clanKey?: string | undefined
  readonly clawClanInstalled?: boolean | undefined
  readonly mayBeAway?: boolean | undefined
  readonly oneWay?: boolean | undefined
  readonly legacyKey?: string | undefined
  readonly addedManually?: boolean | undefined
  readonly discoveredAt?: string | undefined
}

/** The fleet manifest: this machine first, then every enrolled peer by id. */
export type Manifest = { readonly instances: readonly Instance[] }

/** What the fleet manifest of this machine is; the same roster gives the same manifest, key for key. */
export function manifestOf(self: Identity | undefined, peers: readonly Peer[]): Manifest {
  const byId = peers.toSorted((a, b) => (idKey(a.gatewayId) < idKey(b.gatewayId) ? -1 : 1))
  return { instances: [...(self === undefined ? [] : [selfInstance(self)]), ...byId.map(peerInstance)] }
}

function selfInstance(self: Identity): Instance {
  const { gatewayId, name, leadNumber, ip, sshUser, sshPort, version, incarnation, clanKey, mayBeAway } = self
  const reach = { gatewayId, name, leadNumber, ip, sshUser, sshPort, version, incarnation, clanKey }
  return { ...reach, mayBeAway }
}

function peerInstance(peer: Peer): Instance {
  const { gatewayId, name, leadNumber, ip, sshUser, sshPort, version, incarnation, hostKey, clanKey } = peer
  const { clawClanInstalled, mayBeAway, oneWay, legacyKey, addedManually, discoveredAt } = peer
  const reach = { gatewayId, name, leadNumber, ip, sshUser, sshPort, version, incarnation, hostKey, clanKey }
  return { ...reach, clawClanInstalled, mayBeAway, oneWay, legacyKey, addedManually, discoveredAt }
}

const manifestFile = lazy(() => z.looseObject({ instances: z.array(z.unknown()) }))

/**
 * The machines a manifest holds, as peers nobody has probed yet: how a damaged peer file is made good again. Entries
 * that make no peer are left out.
 *
 * @param ownUser  login name for an entry that has none
 * @returns by `idKey` of the gateway id
 * @throws {ClawError} `damaged-state` when it is no manifest at all
 */
export function peersInManifest(value: unknown, source: Source, ownUser: string): ReadonlyMap<string, Peer> {
  const { instances } = parseValue(manifestFile, value, source, 'damaged-state')
  const peers = instances.flatMap(instance => {
    const peer = peerOrNothing(instance, source, ownUser)
    return peer === undefined ? [] : [[idKey(peer.gatewayId), peer] as const]
  })
  return new Map(peers)
}

function peerOrNothing(instance: unknown, source: Source, ownUser: string): Peer | undefined {
  try {
    const peer = parsePeer(instance, source, ownUser)
    return { ...peer, status: 'unknown', lastSeen: null, lastPingAttempt: null, missedPings: 0 }
  } catch (error) {
    if (error instanceof ClawError) return undefined
    throw error
  }
}

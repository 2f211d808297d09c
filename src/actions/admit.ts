import type { Clock } from '../adapters/clock.ts'
import { ClawError } from '../fleet/error.ts'
import type { FleetEvent } from '../fleet/event.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { type PublicKey, sameKey } from '../fleet/public-key.ts'
import type { FleetStore } from '../store/store.ts'

export type AdmitDeps = {
  readonly store: Pick<
    FleetStore,
    | 'peers'
    | 'commitRound'
    | 'removePeer'
    | 'recordEvents'
    | 'pending'
    | 'addPending'
    | 'removePending'
    | 'revocations'
    | 'saveRevocations'
  >
  readonly clock: Pick<Clock, 'now'>
  readonly fingerprint: (key: PublicKey) => string
  /** Host keys pinned here for a machine. */
  readonly pinsOf: (id: GatewayId) => readonly PublicKey[]
  readonly pinHostKey: (
    at: { gatewayId: GatewayId; host: string; port: number },
    key: PublicKey,
  ) => Promise<void>
  readonly unpinHost: (id: GatewayId) => Promise<boolean>
  /** Put a peer's clan key into our authorized_keys, bound to our gate. */
  readonly grant: (id: GatewayId, key: PublicKey) => Promise<'added' | 'replaced' | 'unchanged'>
  /** The clan key a machine may reach our gate with. */
  readonly grantOf: (id: GatewayId) => Promise<PublicKey | undefined>
  /** Take it out again. */
  readonly withdraw: (id: GatewayId) => Promise<boolean>
}

/** One machine to be enrolled here. */
export type Admission = {
  readonly gatewayId: GatewayId
  /** The clan key it may reach us with; undefined when it may not. */
  readonly clanKey: PublicKey | undefined
  /** Where we reach it, and by which host key. */
  readonly host: string
  readonly port: number
  readonly hostKey: PublicKey
  /** Its record, made of the one we have. Pure: it may be asked more than once. */
  readonly record: (known: Peer | undefined) => Peer
}

export type Admitted = { readonly result: 'added' | 'updated' | 'unchanged'; readonly peer: Peer }

type Undo = { readonly what: string; readonly run: () => Promise<unknown> }

/**
 * Make a machine known here: its clan key may reach our gate, its host key is pinned, its record is written. What
 * fails on the way takes back what was new.
 *
 * @throws {ClawError} `host-key-changed` with both fingerprints when another host key is pinned under its id
 */
export async function admit(deps: AdmitDeps, admission: Admission): Promise<Admitted> {
  const { gatewayId, host, port, hostKey } = admission
  refuseOtherKey(deps, gatewayId, hostKey)
  const undo: Undo[] = []
  try {
    const granted = await setGrant(deps, admission)
    if (granted === 'added') {
      undo.push({ what: 'its key in authorized_keys', run: () => deps.withdraw(gatewayId) })
    }
    if (deps.pinsOf(gatewayId).length === 0) {
      undo.push({ what: 'its host key in known_hosts', run: () => deps.unpinHost(gatewayId) })
    }
    await deps.pinHostKey({ gatewayId, host, port }, hostKey)
    const { peer, known } = await write(deps, admission, undo)
    if (known === undefined) return { result: 'added', peer }
    const isSame = granted === 'unchanged' && canonical(known) === canonical(peer)
    return { result: isSame ? 'unchanged' : 'updated', peer }
  } catch (error) {
    throw withLeftovers(error, await takeBack(undo))
  }
}

async function setGrant(deps: AdmitDeps, { gatewayId, clanKey }: Admission) {
  if (clanKey !== undefined) return deps.grant(gatewayId, clanKey)
  return (await deps.withdraw(gatewayId)) ? 'replaced' : 'unchanged'
}

async function write({ store, clock }: AdmitDeps, { gatewayId, record }: Admission, undo: Undo[]) {
  let known: Peer | undefined
  const { peers } = await store.commitRound(current => {
    known = current.find(one => idKey(one.gatewayId) === idKey(gatewayId))
    const peer = record(known)
    return { peers: [peer], events: eventsOf(known, peer, clock.now().toISOString()) }
  })
  const [peer] = peers
  if (peer === undefined) throw new TypeError('a store returns what it wrote')
  if (known === undefined) undo.push({ what: 'its record', run: () => store.removePeer(gatewayId) })
  return { peer, known }
}

/** The same text for the same record, in whatever order it was put together. */
const canonical = (peer: Peer): string => JSON.stringify(Object.entries(peer).toSorted())

function eventsOf(known: Peer | undefined, peer: Peer, timestamp: string): readonly FleetEvent[] {
  const { gatewayId, name, ip, sshPort } = peer
  if (known === undefined) return [{ timestamp, event: 'peer_added', gatewayId, data: { name, ip, sshPort } }]
  const moved = known.ip !== ip || known.sshPort !== sshPort
  const from = { from: `${known.ip}:${known.sshPort}`, to: `${ip}:${sshPort}` }
  const isBack = known.status === 'offline' && peer.status === 'online'
  return [
    ...(moved ? [{ timestamp, event: 'address_changed', gatewayId, data: from } as const] : []),
    ...(isBack
      ? [{ timestamp, event: 'online', gatewayId, data: { reason: null, missedPings: 0 } } as const]
      : []),
  ]
}

/** @throws {ClawError} `host-key-changed` with both fingerprints when another key is pinned for this machine */
export function refuseOtherKey(
  deps: Pick<AdmitDeps, 'pinsOf' | 'fingerprint'>,
  id: GatewayId,
  offered: PublicKey,
): void {
  const pinned = deps.pinsOf(id)
  const [pin] = pinned
  if (pin === undefined || pinned.some(key => sameKey(key, offered))) return
  const keys = `${deps.fingerprint(pin)} is pinned, ${deps.fingerprint(offered)} is given now`
  throw new ClawError('host-key-changed', `Cannot enrol "${id}": it has another host key: ${keys}`, {
    hint: `If it was reinstalled, run "claw-setup-ssh trust ${id} --host-key ${deps.fingerprint(offered)}"`,
  })
}

/** Newest first. @returns one message per thing that stayed */
async function takeBack(undo: readonly Undo[]): Promise<readonly string[]> {
  const left: string[] = []
  for (const { what, run } of undo.toReversed()) {
    try {
      await run()
    } catch (error) {
      left.push(`${what} (${error instanceof Error ? error.message : String(error)})`)
    }
  }
  return left
}

/** The same failure, saying also what could not be taken back. */
export function withLeftovers(error: unknown, left: readonly string[]): unknown {
  if (left.length === 0 || !(error instanceof ClawError)) return error
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  return new ClawError(error.code, `${error.message}; left behind: ${left.join(', ')}`, {
    ...hint,
    cause: error,
  })
}

import { ClawError, type ErrorCode } from '../fleet/error.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import { installOnPeer } from './remote-install.ts'
import type { InstallRequest, RemoteDeps, RemoteInstall } from './remote-installation.ts'

/** What became of one machine; the keys are a public interface. */
export type UpdatedPeer = {
  readonly gatewayId: string
  /** `offline`: not there now; `left out`: not one that can be updated so; `not tried`: an earlier one stopped the rest. */
  readonly state: 'updated' | 'unchanged' | 'planned' | 'offline' | 'failed' | 'left out' | 'not tried'
  /** Why, fit to be shown; null when there is nothing to say. */
  readonly reason: string | null
  readonly next: string | null
  readonly install: RemoteInstall | null
}

/** What is asked of every machine alike. */
export type UpdateRequest = Omit<
  InstallRequest,
  'user' | 'host' | 'port' | 'name' | 'gatewayId' | 'lead' | 'purpose'
>

/** The machine is away or its sshd is: no fault of the version. */
const OFFLINE: readonly ErrorCode[] = [
  'host-unreachable',
  'ssh-refused',
  'ssh-timeout',
  'ssh-busy',
  'no-network',
]

/**
 * Bring every enrolled machine to this machine's version, one after another, lowest lead number first.
 *
 * A machine that is away is listed and skipped, one that fails is listed; only a version that does not work on a
 * machine stops the rest, before it could do the same to them.
 */
export async function updateFleet(deps: RemoteDeps, request: UpdateRequest): Promise<readonly UpdatedPeer[]> {
  const { peers } = await deps.store.peers()
  const updated: UpdatedPeer[] = []
  let isStopped = false
  for (const peer of peers.toSorted(byLeadNumber)) {
    const one: One = isStopped ? notTried(peer) : await updatePeer(deps, request, peer)
    updated.push(one.updated)
    isStopped ||= one.stops
  }
  return updated
}

type One = { readonly updated: UpdatedPeer; readonly stops: boolean }

const notTried = ({ gatewayId }: Peer): One => ({
  updated: { gatewayId, state: 'not tried', reason: null, next: null, install: null },
  stops: true,
})

async function updatePeer(deps: RemoteDeps, request: UpdateRequest, peer: Peer): Promise<One> {
  const { gatewayId, ip: host, sshPort: port, sshUser: user } = peer
  const nothing = { gatewayId, install: null, next: null }
  if (peer.legacyKey !== undefined) {
    const next = `Run "claw-remote-install ${user} ${host}" to put claw-clan 2 on it`
    return { updated: { ...nothing, state: 'left out', reason: 'it has no claw-clan 2', next }, stops: false }
  }
  try {
    const wanted = { ...request, user, host, port, gatewayId, purpose: 'update' } as const
    const install = await installOnPeer(deps, wanted)
    const done = install.previous === install.version ? 'unchanged' : 'updated'
    const state = install.dryRun ? 'planned' : done
    return { updated: { ...nothing, state, reason: null, install }, stops: false }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    const { code, message, hint = null } = error
    const state = OFFLINE.includes(code) ? 'offline' : 'failed'
    return { updated: { ...nothing, state, reason: message, next: hint }, stops: code === 'self-test-failed' }
  }
}

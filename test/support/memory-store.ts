import type { FleetEvent } from '../../src/fleet/event.ts'
import type { Identity } from '../../src/fleet/identity.ts'
import type { Candidate, Peer } from '../../src/fleet/peer.ts'
import type { PendingItem } from '../../src/fleet/pending.ts'
import type { Revocation } from '../../src/fleet/revocation.ts'
import type { FleetStore, Run } from '../../src/store/store.ts'

/** The little of a FleetStore that action tests hand over: state in memory, open for assertions. */
export type StoreLiteral = Pick<
  FleetStore,
  | 'self'
  | 'saveSelf'
  | 'peers'
  | 'changePeers'
  | 'commitRound'
  | 'removePeer'
  | 'candidates'
  | 'saveCandidates'
  | 'recordEvents'
  | 'lastRun'
  | 'pending'
  | 'addPending'
  | 'removePending'
  | 'revocations'
  | 'saveRevocations'
> & {
  state: {
    self?: Identity
    peers: readonly Peer[]
    candidates: readonly Candidate[]
    events: FleetEvent[]
    run?: Run
    pending: readonly PendingItem[]
    revocations: readonly Revocation[]
  }
}

export function storeOf(
  peers: readonly Peer[],
  more: { self?: Identity; candidates?: readonly Candidate[]; run?: Run } = {},
): StoreLiteral {
  const state: StoreLiteral['state'] = {
    peers,
    candidates: [],
    events: [],
    pending: [],
    revocations: [],
    ...more,
  }
  return {
    state,
    self: async () => state.self,
    saveSelf: async self => {
      state.self = self
    },
    peers: async () => ({ peers: state.peers, damaged: [] }),
    changePeers: async change => {
      const written = change(state.peers)
      state.peers = merged(state.peers, written)
      return written
    },
    commitRound: async change => {
      const { peers: written, events } = change(state.peers)
      state.peers = merged(state.peers, written)
      state.events.push(...events)
      return { peers: written, damaged: [] }
    },
    removePeer: async id => {
      const left = state.peers.filter(peer => peer.gatewayId !== id)
      const removed = left.length < state.peers.length
      state.peers = left
      return removed
    },
    candidates: async () => state.candidates,
    saveCandidates: async seen => {
      const ids = seen.map(candidate => candidate.gatewayId)
      state.candidates = [...state.candidates.filter(({ gatewayId }) => !ids.includes(gatewayId)), ...seen]
    },
    recordEvents: async events => {
      state.events.push(...events)
    },
    lastRun: async () => state.run,
    pending: async () => state.pending,
    addPending: async items => {
      const ids = items.map(item => item.id)
      state.pending = [...state.pending.filter(item => !ids.includes(item.id)), ...items]
    },
    removePending: async ids => {
      state.pending = state.pending.filter(item => !ids.includes(item.id))
    },
    revocations: async () => state.revocations,
    saveRevocations: async given => {
      const ids = given.map(({ gatewayId }) => gatewayId)
      state.revocations = [...state.revocations.filter(({ gatewayId }) => !ids.includes(gatewayId)), ...given]
    },
  }
}

function merged(before: readonly Peer[], written: readonly Peer[]): readonly Peer[] {
  const rest = new Map(written.map(peer => [peer.gatewayId, peer]))
  const kept = before.map(peer => {
    const now = rest.get(peer.gatewayId) ?? peer
    rest.delete(peer.gatewayId)
    return now
  })
  return [...kept, ...rest.values()]
}

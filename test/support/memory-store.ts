import type { FleetEvent } from '../../src/fleet/event.ts'
import type { Identity } from '../../src/fleet/identity.ts'
import type { Candidate, Peer } from '../../src/fleet/peer.ts'
import type { FleetStore, Run } from '../../src/store/store.ts'

/** The little of a FleetStore that action tests hand over: state in memory, open for assertions. */
export type StoreLiteral = Pick<
  FleetStore,
  'self' | 'saveSelf' | 'peers' | 'changePeers' | 'commitRound' | 'candidates' | 'recordEvents' | 'lastRun'
> & {
  state: {
    self?: Identity
    peers: readonly Peer[]
    candidates: readonly Candidate[]
    events: FleetEvent[]
    run?: Run
  }
}

export function storeOf(
  peers: readonly Peer[],
  more: { self?: Identity; candidates?: readonly Candidate[]; run?: Run } = {},
): StoreLiteral {
  const state: StoreLiteral['state'] = { peers, candidates: [], events: [], ...more }
  return {
    state,
    self: async () => state.self,
    saveSelf: async self => {
      state.self = self
    },
    peers: async () => ({ peers: state.peers, damaged: [] }),
    changePeers: async change => {
      const written = change(state.peers)
      const byId = new Map(written.map(peer => [peer.gatewayId, peer]))
      state.peers = state.peers.map(peer => byId.get(peer.gatewayId) ?? peer)
      return written
    },
    commitRound: async change => {
      const { peers: written, events } = change(state.peers)
      const byId = new Map(written.map(peer => [peer.gatewayId, peer]))
      state.peers = state.peers.map(peer => byId.get(peer.gatewayId) ?? peer)
      state.events.push(...events)
      return { peers: written, damaged: [] }
    },
    candidates: async () => state.candidates,
    recordEvents: async events => {
      state.events.push(...events)
    },
    lastRun: async () => state.run,
  }
}

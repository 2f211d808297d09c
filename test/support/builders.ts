import type { Identity } from '../../src/fleet/identity.ts'
import type { GatewayId } from '../../src/fleet/parse.ts'
import type { Candidate, Peer } from '../../src/fleet/peer.ts'
import type { ProbeOutcome } from '../../src/fleet/probe.ts'

/** A gateway id out of a text the test knows to be one. */
export const id = (text: string): GatewayId => text as GatewayId

/** A peer that was never probed; every fact can be replaced. */
export const aPeer = (facts: Partial<Peer> = {}): Peer => ({
  gatewayId: id('studio'),
  name: 'Studio',
  leadNumber: 2,
  ip: '10.0.0.2',
  sshUser: 'claw',
  sshPort: 22,
  status: 'unknown',
  lastSeen: null,
  lastPingAttempt: null,
  missedPings: 0,
  sshConnectivity: false,
  clawClanInstalled: true,
  mdnsBroadcasting: false,
  ...facts,
})

export const anIdentity = (facts: Partial<Identity> = {}): Identity => ({
  gatewayId: id('mini'),
  name: 'Mini',
  leadNumber: 1,
  ip: '10.0.0.1',
  sshUser: 'claw',
  sshPort: 22,
  version: '2.0.0',
  registeredAt: '2026-11-20T10:00:00.000Z',
  githubRepo: null,
  incarnation: 1,
  ...facts,
})

export const aCandidate = (facts: Partial<Candidate> = {}): Candidate => ({
  gatewayId: id('laptop'),
  name: 'Laptop',
  leadNumber: 3,
  ip: '10.0.0.3',
  port: 22,
  version: '2.0.0',
  discoveredAt: '2026-11-20T10:00:00.000Z',
  lastSeen: '2026-11-20T10:00:00.000Z',
  ...facts,
})

/** An ack as this peer itself would give it. */
export const ackOf = (peer: Peer, responseMs = 40): ProbeOutcome => {
  const { gatewayId, name, leadNumber, sshUser } = peer
  return {
    kind: 'ack',
    responseMs,
    peerClock: 0,
    identity: { gatewayId, name, leadNumber, sshUser, version: '2.0.0' },
  }
}

export const miss: ProbeOutcome = { kind: 'miss', reason: 'host-unreachable', detail: 'no answer' }
export const unmade: ProbeOutcome = { kind: 'unmade', reason: 'no-key', detail: 'no clan key' }

import type { Clock } from '../adapters/clock.ts'
import type { browse } from '../adapters/mdns-browse.ts'
import type { Identity } from '../fleet/identity.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { FleetStore } from '../store/store.ts'

export type DiscoverDeps = {
  readonly self: Identity
  readonly store: Pick<FleetStore, 'peers' | 'changePeers' | 'candidates' | 'saveCandidates' | 'recordEvents'>
  readonly clock: Clock
  readonly browse: typeof browse
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  /** Every IPv4 address of this machine (`ownAddresses()`). */
  readonly ownAddresses: readonly string[]
  /**
   * SSH proof: true only when the machine at that address has the peer's pinned host key and gave the peer's own
   * answer. Never throws for a machine that does not answer.
   */
  readonly probeAt: (peer: Peer, ip: string, port: number) => Promise<boolean>
  readonly signal?: AbortSignal
  readonly onProgress?: (found: number, elapsedMs: number) => void
}

/** One machine heard; the keys are a public interface. */
export type FoundMachine = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly leadNumber: number
  readonly version: string
  /** `conflict`: it claims an id that belongs to another machine, and could not prove it. */
  readonly known: 'self' | 'enrolled' | 'candidate' | 'conflict'
}

export type DiscoverResult = {
  /** Lowest lead number first. */
  readonly found: readonly FoundMachine[]
  /** OpenClaw gateways on machines that are not enrolled. */
  readonly gateways: readonly { readonly name: string; readonly ip: string; readonly port: number }[]
  readonly durationMs: number
  readonly warnings: readonly string[]
}

/**
 * Browse, list who was heard, and keep the unknown ones as candidates.
 *
 * Nothing heard changes a peer's route, lead number, name or trust. Only an SSH proof moves a peer to a new address.
 *
 * @param seconds  browse exactly this long (1..60); absent: at most 5 s, less once every enrolled peer has answered
 *                 and 1 s was quiet
 * @throws {ClawError} `no-network`, `store-unavailable`
 */
export async function discoverMachines(_deps: DiscoverDeps, _seconds?: number): Promise<DiscoverResult> {
  throw new Error('not written yet')
}

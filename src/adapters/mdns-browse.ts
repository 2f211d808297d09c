import type { GatewayListing, Sighting } from '../fleet/service.ts'
import type { Clock } from './clock.ts'

export type BrowseOptions = {
  readonly durationMs: number
  /** May the browse end before `durationMs`, once nothing new was heard for 1 s? Absent: never. */
  readonly isComplete?: (sightings: readonly Sighting[]) => boolean
  /** Addresses whose answers get through even in a flood: those of enrolled peers. */
  readonly expected: readonly string[]
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly onProgress?: (found: number, elapsedMs: number) => void
}

export type BrowseReading = {
  readonly sightings: readonly Sighting[]
  readonly gateways: readonly GatewayListing[]
  /** False when it ended early, was aborted, or an interface failed: then silence proves nothing. */
  readonly isFull: boolean
  /** For the owner: floods with their source, refused records, interfaces that failed. */
  readonly warnings: readonly string[]
}

/**
 * Ask who is there, on every interface, and collect the answers.
 *
 * @throws {ClawError} `no-network` when no interface can be used
 */
export async function browse(_options: BrowseOptions): Promise<BrowseReading> {
  throw new Error('not written yet')
}

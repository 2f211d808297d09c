import type { Announcement } from '../fleet/service.ts'
import type { Clock } from './clock.ts'

export type AnnounceOptions = {
  /** Asked at the start and every few seconds; undefined (state.json is gone for now) keeps the last answer. */
  readonly current: () => Promise<Announcement | undefined>
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly clock: Clock
  /** Ends the announcement with a goodbye. */
  readonly signal: AbortSignal
  /** One line for the log: announced as, renamed, interface lost, flooded. Rate-limited. */
  readonly onNotice: (line: string) => void
}

/**
 * Keep this machine announced until `signal` aborts; then say goodbye and return. Never rejects for anything that
 * the network does: it degrades and tries again.
 */
export async function announce(_options: AnnounceOptions): Promise<void> {
  throw new Error('not written yet')
}

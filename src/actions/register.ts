import type { Clock } from '../adapters/clock.ts'
import type { announce } from '../adapters/mdns-announce.ts'
import type { FleetStore } from '../store/store.ts'

export type RegisterDeps = {
  readonly store: Pick<FleetStore, 'self'>
  /** Differs after state.json was replaced (`fileStamp` of it), so that it is read again only then. */
  readonly selfStamp: () => Promise<string>
  readonly announce: typeof announce
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly clock: Clock
  /** SIGTERM and SIGINT abort it: goodbye is said, then the run ends. */
  readonly signal: AbortSignal
  readonly onNotice: (line: string) => void
}

/** Names are what was announced last. */
export type RegisterResult = {
  readonly gatewayId: string
  readonly name: string
  readonly durationMs: number
}

/**
 * Keep this machine announced until the signal aborts (`claw-register run`).
 *
 * @throws {ClawError} `not-set-up` without an identity; nothing else ends it but the signal
 */
export async function registerMachine(_deps: RegisterDeps): Promise<RegisterResult> {
  throw new Error('not written yet')
}

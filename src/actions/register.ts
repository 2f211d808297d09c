import type { Clock } from '../adapters/clock.ts'
import type { announce } from '../adapters/mdns-announce.ts'
import { ClawError } from '../fleet/error.ts'
import { announcementOf } from '../fleet/service.ts'
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
 * Keep this machine announced until the signal aborts (`claw-register run`). A new identity is picked up without a
 * restart; one that cannot be read for now changes nothing.
 *
 * @throws {ClawError} `not-set-up` without an identity at the start; nothing else ends it but the signal
 */
export async function registerMachine(deps: RegisterDeps): Promise<RegisterResult> {
  const { store, selfStamp, interfaces, clock, signal, onNotice } = deps
  const startedAt = clock.monotonicMs()
  let stamp = await selfStamp()
  let self = await store.self()
  if (self === undefined) {
    throw new ClawError('not-set-up', 'Cannot announce this machine: it has no identity yet', {
      hint: 'Run "claw-setup"',
    })
  }
  const current = async () => {
    const nextStamp = await selfStamp()
    if (nextStamp !== stamp) {
      self = (await store.self()) ?? self
      stamp = nextStamp
    }
    return self === undefined ? undefined : announcementOf(self)
  }
  await deps.announce({ current, interfaces, clock, signal, onNotice })
  return {
    gatewayId: self.gatewayId,
    name: self.name,
    durationMs: Math.round(clock.monotonicMs() - startedAt),
  }
}

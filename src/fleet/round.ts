import type { FleetEvent } from './event.ts'
import type { Change } from './health.ts'
import type { GatewayId } from './parse.ts'
import type { Peer } from './peer.ts'
import type { ProbeOutcome } from './probe.ts'

/** What one round found: per peer before, after and why, and who leads now. */
export type Round = {
  readonly verdicts: readonly {
    readonly before: Peer
    readonly peer: Peer
    readonly outcome: ProbeOutcome
    readonly change: Change
  }[]
  readonly selfSuspect: boolean
  readonly leader: GatewayId | undefined
  /** Who led when the last round was recorded; null for nobody. */
  readonly before: GatewayId | null | undefined
}

const EVENT_OF = { suspected: 'suspected', 'went-offline': 'offline', recovered: 'online' } as const

/** The events of one round, in the order they happened: peers first, then what follows for the fleet. */
export function roundEvents(
  { verdicts, selfSuspect, leader, before }: Round,
  at: Date,
): readonly FleetEvent[] {
  const timestamp = at.toISOString()
  const ofPeers = verdicts.flatMap(({ before, peer, outcome, change }): FleetEvent[] => {
    const { gatewayId, missedPings } = peer
    const reason = outcome.kind === 'ack' ? null : outcome.reason
    const standing: FleetEvent[] =
      change === 'none'
        ? []
        : [{ timestamp, event: EVENT_OF[change], gatewayId, data: { reason, missedPings } }]
    const newKey = reason === 'host-key-changed' && before.reason !== reason
    const data = { detail: outcome.kind === 'ack' ? null : outcome.detail }
    return newKey ? [...standing, { timestamp, event: 'host_key_changed', gatewayId, data }] : standing
  })
  const suspicion: FleetEvent[] = selfSuspect
    ? [{ timestamp, event: 'self_suspect', data: { peers: verdicts.length } }]
    : []
  const changed = (leader ?? null) !== (before ?? null)
  const leadership: FleetEvent[] = changed
    ? [{ timestamp, event: 'leader_change', data: { from: before ?? null, to: leader ?? null } }]
    : []
  return [...ofPeers, ...suspicion, ...leadership]
}

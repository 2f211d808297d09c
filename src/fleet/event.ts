import type { GatewayId } from './parse.ts'

/** The one vocabulary of what happened; events.log and every backend use these words. */
export type EventKind =
  | 'suspected'
  | 'offline'
  | 'online'
  | 'leader_change'
  | 'self_suspect'
  | 'peer_added'
  | 'peer_removed'
  | 'host_key_changed'
  | 'address_changed'
  | 'settings_problem'
  | 'state_damaged'

/** One thing that happened: a line of events.log. */
export type FleetEvent = {
  /** UTC, ISO 8601. */
  readonly timestamp: string
  readonly event: EventKind
  readonly gatewayId?: GatewayId
  /** JSON-safe facts; never secrets. */
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}

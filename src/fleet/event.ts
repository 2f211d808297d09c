import { lazy } from './lazy.ts'
import { field, type GatewayId, parseValue, type Source, z } from './parse.ts'

/** The one vocabulary of what happened; events.log and every backend use these words. */
export const EVENT_KINDS = [
  'suspected',
  'offline',
  'online',
  'leader_change',
  'self_suspect',
  'peer_added',
  'peer_removed',
  'peer_revoked',
  'host_key_changed',
  'address_changed',
  'settings_problem',
  'state_damaged',
] as const

export type EventKind = (typeof EVENT_KINDS)[number]

/** One thing that happened: a line of events.log. */
export type FleetEvent = {
  /** UTC, ISO 8601. */
  readonly timestamp: string
  readonly event: EventKind
  readonly gatewayId?: GatewayId
  /** JSON-safe facts; never secrets. */
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}

const eventRecord = lazy(() =>
  z.object({
    timestamp: z.string(),
    event: z.enum(EVENT_KINDS),
    gatewayId: z.catch(z.optional(field.gatewayId), undefined),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
)

/**
 * Read one recorded event back.
 *
 * @throws {ClawError} `damaged-state` also for a kind that only a newer version knows
 */
export function parseEvent(value: unknown, source: Source): FleetEvent {
  const { gatewayId, ...event } = parseValue(eventRecord, value, source, 'damaged-state')
  return gatewayId === undefined ? event : { ...event, gatewayId }
}

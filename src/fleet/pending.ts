import { type GatewayId, idKey, isGatewayId } from './parse.ts'
import { stored } from './stored.ts'

/** What can be put off until the owner's login reaches a machine. */
export const PENDING_KINDS = ['introduce', 'forget', 'revoke'] as const

/** One piece of work that waits for contact with a machine, and for the owner's own login there. */
export type PendingItem = {
  /** Made by `pendingId`: there is one piece of work per pair of machines, and the newest one counts. */
  readonly id: string
  readonly kind: (typeof PENDING_KINDS)[number]
  /** With whom it must be done. */
  readonly gatewayId: GatewayId
  /** Whose introduction, forgetting or revocation it is. */
  readonly about: GatewayId
  /** UTC, ISO 8601; of two items of one pair the later one stays. */
  readonly createdAt: string
  /** Attempts at which the machine was there and the work could not be done. */
  readonly tries: number
  readonly lastTriedAt: string | null
  /** Why it is not done yet, fit to be shown. */
  readonly lastError: string | null
  /** Paths of the owner's key and ssh_config file, where they were named. */
  readonly data: Readonly<Record<string, string>>
}

/** The id of the work between one machine and another, regardless of case. */
export const pendingId = (gatewayId: GatewayId, about: GatewayId): string =>
  `${idKey(gatewayId)}/${idKey(about)}`

/** Longest time between two attempts that fail, in minutes. */
const MAX_DELAY_MINUTES = 24 * 60

/**
 * Is it time for another unattended attempt? At first contact at once; after each attempt that failed the wait
 * doubles, from one interval to a day.
 *
 * @param intervalMinutes  of the schedule that asks
 */
export function isDue({ tries, lastTriedAt }: PendingItem, now: Date, intervalMinutes: number): boolean {
  if (tries === 0 || lastTriedAt === null) return true
  const delayMinutes = Math.min(intervalMinutes * 2 ** Math.min(tries - 1, 20), MAX_DELAY_MINUTES)
  const elapsed = now.getTime() - Date.parse(lastTriedAt)
  // A clock that was set back must not put the work off for as long as it was wrong.
  return elapsed < 0 || elapsed >= delayMinutes * 60_000
}

/** What waits, as status and `--json` show it; the keys are a public interface. */
export function shownPending({ data: _files, ...item }: PendingItem) {
  const next =
    item.tries === 0
      ? `Nothing: it is done when "${item.gatewayId}" answers again`
      : `Run "claw-setup-ssh pending": it needs your own login on "${item.gatewayId}"`
  return { ...item, next }
}

export type ShownPending = ReturnType<typeof shownPending>

/**
 * Read an item back from where it is kept.
 *
 * @returns undefined for one that only a newer version knows how to do
 */
export function parsePending(row: Readonly<Record<string, unknown>>): PendingItem | undefined {
  const { lastError, data } = row
  const kind = PENDING_KINDS.find(known => known === row.kind)
  const gatewayId = stored.text(row.gatewayId)
  const about = stored.text(row.about)
  if (kind === undefined || !isGatewayId(gatewayId) || !isGatewayId(about)) return undefined
  return {
    ...{ id: pendingId(gatewayId, about), kind, gatewayId, about },
    createdAt: stored.text(row.createdAt),
    tries: stored.count(row.tries),
    lastTriedAt: stored.time(row.lastTriedAt),
    lastError: typeof lastError === 'string' ? lastError : null,
    data: textsOf(data),
  }
}

function textsOf(data: unknown): Readonly<Record<string, string>> {
  if (typeof data !== 'object' || data === null) return {}
  const texts = Object.entries(data).flatMap(([key, value]) =>
    typeof value === 'string' ? [[key, value] as const] : [],
  )
  return Object.fromEntries(texts)
}

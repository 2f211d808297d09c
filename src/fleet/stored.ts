import { ClawError } from './error.ts'
import { type GatewayId, isGatewayId, isHost, isSshUser, type Source } from './parse.ts'
import { isSafeText, quoteValue } from './text.ts'

/**
 * Lenient readers for state files that this, an older or the bash version wrote: what is missing or odd gets its
 * neutral value instead of stopping the program. Plain functions, not validators: every program reads every peer file
 * at its start, and making the validators alone took 6 ms.
 */
export const stored = {
  /** 1..9999; 0, never leads, for anything else. */
  leadNumber: (value: unknown): number => (isWhole(value) && value <= 9999 ? value : 0),
  count: (value: unknown): number => (isWhole(value) ? value : 0),
  port: (value: unknown): number | undefined =>
    isWhole(value) && value >= 1 && value <= 65_535 ? value : undefined,
  flag: (value: unknown): boolean => value === true,
  /** A time as text; null for anything else. */
  time: (value: unknown): string | null =>
    typeof value === 'string' && value.length <= 64 && !Number.isNaN(Date.parse(value)) ? value : null,
  text: (value: unknown): string => (typeof value === 'string' ? value : ''),
  /** At most 64 characters, none unsafe; empty for anything else. */
  shortText: (value: unknown): string =>
    typeof value === 'string' && value.length <= 64 && isSafeText(value) ? value : '',
  /** The bash version wrote the word "null" where jq had nothing. */
  optionalText: (value: unknown): string | null =>
    typeof value === 'string' && value !== '' && value !== 'null' ? value : null,
  sshUser: (value: unknown): string | undefined => (isSshUser(value) ? value : undefined),
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** A stored record as it came: any keys, any values. */
export type StoredRecord = Readonly<Record<string, unknown>>

/** @throws {ClawError} `damaged-state` for anything but a JSON object */
export function storedRecord(value: unknown, source: Source): StoredRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw damaged(value, source, 'a JSON object')
}

/** The id without which a record says nothing. @throws {ClawError} `damaged-state` */
export function storedId({ gatewayId }: StoredRecord, source: Source): GatewayId {
  if (typeof gatewayId === 'string' && isGatewayId(gatewayId)) return gatewayId
  throw damaged(gatewayId, `${source}: gatewayId`, 'a gateway id')
}

/** The address without which nobody can be reached. @throws {ClawError} `damaged-state` */
export function storedAddress({ ip }: StoredRecord, source: Source): string {
  if (isHost(ip)) return ip
  throw damaged(ip, `${source}: ip`, 'an IP address or a host name')
}

/** The login name without which a machine's own record is of no use. @throws {ClawError} `damaged-state` */
export function storedUser({ sshUser }: StoredRecord, source: Source): string {
  if (isSshUser(sshUser)) return sshUser
  throw damaged(sshUser, `${source}: sshUser`, 'a login name')
}

const damaged = (value: unknown, source: Source, allowed: string) =>
  new ClawError('damaged-state', `Cannot use ${quoteValue(value)} for ${source}: it must be ${allowed}`)

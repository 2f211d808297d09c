import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { FleetEvent } from '../fleet/event.ts'
import { withFile } from './file-trouble.ts'

/** A log bigger than this is put aside before the next line; five files are kept, so 10 MB in all. Bytes. */
const MAX_LOG_BYTES = 2 * 1024 * 1024
const OLDEST = 4

// What JSON leaves as it is and a terminal might act on: C1 controls, zero-width, direction and separator characters.
const RISKY = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/**
 * Append events to the log people read: one JSON object a line, `timestamp, event, gatewayId, data`. The journal is
 * the durable record, so this file is not synced. Call under the store's lock.
 *
 * @returns takes the lines back, for when the events could not be made durable
 * @throws {ClawError} `store-unavailable`; the log is then as it was
 */
export function appendToLog(path: string, events: readonly FleetEvent[]): () => void {
  const lines = Buffer.from(events.map(event => `${lineOf(event)}\n`).join(''))
  return withFile('write', path, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size > 0 && size + lines.length > MAX_LOG_BYTES) rotate(path)
    const before = append(path, lines)
    return () => truncateSync(path, before)
  })
}

function lineOf({ timestamp, event, gatewayId, data }: FleetEvent): string {
  const json = JSON.stringify({ timestamp, event, ...(gatewayId === undefined ? {} : { gatewayId }), data })
  return json.replace(RISKY, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function rotate(path: string): void {
  const name = (n: number) => (n === 0 ? path : `${path}.${n}`)
  for (let n = OLDEST - 1; n >= 0; n--) {
    if (lstatSync(name(n), { throwIfNoEntry: false }) !== undefined) renameSync(name(n), name(n + 1))
  }
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

/** @returns the size before */
function append(path: string, lines: Buffer): number {
  const handle = openSync(path, APPEND, 0o600)
  const before = fstatSync(handle).size
  try {
    fchmodSync(handle, 0o600)
    for (let at = 0; at < lines.length; ) at += writeSync(handle, lines, at)
    return before
  } catch (error) {
    ftruncateSync(handle, before)
    throw error
  } finally {
    closeSync(handle)
  }
}

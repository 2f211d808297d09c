import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import { ClawError } from '../fleet/error.ts'

/** What we were about to do with a file. */
export type FileDeed = 'read' | 'write' | 'lock' | 'list' | 'remove'

/** True for an error of the operating system with one of these codes, such as `ENOENT`. */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** SQLite's primary result code, as listed in sqlite.org/rescode.html; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  return error.errcode & 0xff
}

/**
 * Run one step with a file. What the operating system or SQLite refuses becomes one line for the owner.
 *
 * @throws {ClawError} `store-unavailable` naming `path`, and the free space where the disk is full
 */
export function withFile<T>(deed: FileDeed, path: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw fileTrouble(deed, path, error)
  }
}

const SQLITE_FULL = 13

/** @returns the translated error; one that is neither the operating system's nor SQLite's as it is */
export function fileTrouble(deed: FileDeed, path: string, error: unknown): unknown {
  const reason = reasonOf(error)
  if (reason === undefined) return error
  const full = isSystemError(error, 'ENOSPC', 'EDQUOT') || sqliteCode(error) === SQLITE_FULL
  const message = `Cannot ${deed} "${path}": ${reason}${full ? freeSpace(path) : ''}`
  const hint = full ? 'Free some space on that disk and run this again' : HINTS[deed]
  return new ClawError('store-unavailable', message, { cause: error, hint })
}

const OWNER = 'See that the folder belongs to you and its disk can be written'
const HINTS = {
  read: 'See that the file belongs to you',
  list: 'See that the folder belongs to you',
  write: OWNER,
  lock: OWNER,
  remove: OWNER,
} as const satisfies Record<FileDeed, string>

function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (sqliteCode(error) !== undefined) return error.message
  return 'errno' in error && typeof error.errno === 'number' ? getSystemErrorMessage(error.errno) : undefined
}

function freeSpace(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(dirname(path))
    return ` (${Math.floor((bavail * bsize) / 1024)} KiB free)`
  } catch {
    return ''
  }
}

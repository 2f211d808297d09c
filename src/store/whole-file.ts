import { isUtf8 } from 'node:buffer'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
} from 'node:fs'
import { ClawError } from '../fleet/error.ts'
import { isSystemError, withFile } from './file-trouble.ts'

/** No state file is ever near this; a bigger one is not ours. Bytes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Flags to make a file that must not exist yet, and not through a planted link either. */
export const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Read a whole text file. Symbolic links are not followed and a pipe is not waited for.
 *
 * @returns undefined when there is no such file
 * @throws {ClawError} `damaged-state` for what is no UTF-8 file of at most 8 MiB; `store-unavailable`
 */
export function readWholeFile(path: string): string | undefined {
  let handle: number
  try {
    handle = withFile('read', path, () => openSync(path, READ))
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (isSystemError(cause, 'ENOENT')) return undefined
    // EMLINK is FreeBSD's word for the same.
    if (isSystemError(cause, 'ELOOP', 'EMLINK')) throw damaged(path, 'it is a symbolic link')
    throw error
  }
  try {
    return readText(handle, path)
  } finally {
    closeSync(handle)
  }
}

/** The error for a file whose content cannot be what we once wrote. */
export function damaged(path: string, what: string, hint?: string): ClawError {
  return new ClawError('damaged-state', `Cannot use "${path}": ${what}`, hint === undefined ? {} : { hint })
}

function readText(handle: number, path: string): string {
  const stat = fstatSync(handle)
  if (!stat.isFile()) throw damaged(path, 'it is not a file')
  if (stat.size > MAX_FILE_BYTES) throw damaged(path, `it is bigger than ${MAX_FILE_BYTES} bytes`)
  const bytes = Buffer.allocUnsafe(stat.size)
  const length = withFile('read', path, () => readSync(handle, bytes, 0, stat.size, 0))
  const content = bytes.subarray(0, length)
  if (!isUtf8(content)) throw damaged(path, 'it is not UTF-8 text')
  return content.toString('utf8')
}

/** Names in a folder; none when there is no such folder. @throws {ClawError} `store-unavailable` */
export function namesIn(folder: string): readonly string[] {
  return withFile('list', folder, () => {
    try {
      return readdirSync(folder)
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return []
      throw error
    }
  })
}

/**
 * Make sure of an empty file with mode 0600, whatever the umask. One that exists is not opened: POSIX would drop the
 * locks this process has on it.
 *
 * @throws {ClawError} `store-unavailable`
 */
export function ensurePrivateFile(path: string): void {
  withFile('write', path, () => {
    try {
      const created = openSync(path, CREATE, 0o600)
      fchmodSync(created, 0o600)
      closeSync(created)
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error
      if (lstatSync(path).isFile()) return
      throw new ClawError('store-unavailable', `Cannot use "${path}": it is not a file`)
    }
  })
}

/** Remove a file; one that is not there is as good as removed. @throws the operating system's error */
export function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
  }
}

/** Remove a file that does no harm where it stays: a failure here must not hide what happened before. */
export function tidyAway(path: string): void {
  try {
    removeFile(path)
  } catch {
    // Swept or overwritten by a later run.
  }
}

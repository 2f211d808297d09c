import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { backUp } from './backups.ts'
import { replaceFile } from './whole-file.ts'

/** Where the keys that may log in here are kept, and what guards a change of them. */
export type AuthorizedKeysPlace = {
  /** Absolute path; may be a symbolic link, which stays one. */
  readonly file: string
  /** Folder for the content before each change; the last `KEPT_BACKUPS` stay. */
  readonly backups: string
  /** Runs work while no other process of this home edits the file. */
  readonly exclusively: <T>(work: () => T) => Promise<T>
}

/** A file that somebody else keeps changing is tried this often; each try reads and writes it once. */
const MAX_TRIES = 20

/** More than any real file; bounds memory when the path leads somewhere odd. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The authorized_keys of the user who runs us: `CLAW_CLAN_AUTHORIZED_KEYS`, for tests and demonstrations, else
 * `.ssh/authorized_keys` in the home the password database names, which is where sshd looks whatever HOME says.
 */
export const authorizedKeysFile = (env: NodeJS.ProcessEnv = process.env): string =>
  env.CLAW_CLAN_AUTHORIZED_KEYS || join(userInfo().homedir, '.ssh', 'authorized_keys')

/**
 * Replace the content of authorized_keys whole, or not at all.
 *
 * The new content is written beside the file and renamed over it, so the file is complete at every moment. Just
 * before, the file is read again: what another program wrote meanwhile is taken in, never overwritten.
 *
 * @param change  pure; from the content (one character per byte) to the new one; may run more than once
 * @param at      names the backup
 * @returns false when the content was already so and nothing was written
 * @throws {ClawError} `store-unavailable` when the file cannot be read, backed up or written; `busy` when it keeps
 *   changing. Nothing was written then
 */
export async function editAuthorizedKeys(
  place: AuthorizedKeysPlace,
  change: (text: string) => string,
  at: Date,
): Promise<boolean> {
  return place.exclusively(() => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = read(place.file)
      const after = Buffer.from(change(before.bytes.toString('latin1')), 'latin1')
      if (after.equals(before.bytes)) return false
      const backup = before.exists ? keep(place, before.bytes, at) : undefined
      if (replace(before, after)) return true
      if (backup !== undefined) rmSync(backup, { force: true })
    }
    throw new ClawError('busy', `Cannot edit "${place.file}": another program keeps changing it`, {
      hint: 'Nothing was written; try again',
    })
  })
}

type Content = {
  readonly bytes: Buffer
  readonly exists: boolean
  /** The file behind any symbolic links: the one to replace. */
  readonly target: string
}

function read(file: string): Content {
  try {
    const target = behindLinks(file)
    // A FIFO in the place of the file would otherwise hold us for ever.
    const descriptor = openSync(target, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      refuseOddFile(descriptor)
      return { bytes: readFileSync(descriptor), exists: true, target }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if (isMissing(error)) return { bytes: Buffer.alloc(0), exists: false, target: file }
    throw unusable('read', file, error)
  }
}

function behindLinks(file: string): string {
  try {
    return realpathSync(file)
  } catch (error) {
    if (!isMissing(error)) throw error
    const isLink = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true
    throw isLink ? new Error('it is a link to a file that does not exist') : error
  }
}

function refuseOddFile(descriptor: number): void {
  const stats = fstatSync(descriptor)
  if (!stats.isFile()) throw new Error('it is not a regular file')
  if (stats.size > MAX_BYTES) throw new Error(`it has ${stats.size} bytes, more than ${MAX_BYTES}`)
  // A new file in its place would be ours: sshd would refuse it to its owner, and lock that user out.
  if (stats.uid !== process.getuid?.()) throw new Error('it belongs to another user')
}

/** @returns false when the file is no longer as it was read; nothing was written */
function replace(before: Content, after: Buffer): boolean {
  try {
    mkdirSync(dirname(before.target), { recursive: true, mode: 0o700 })
    return replaceFile(before.target, after, 0o600, () => {
      const now = read(before.target)
      return now.exists === before.exists && now.bytes.equals(before.bytes)
    })
  } catch (error) {
    throw error instanceof ClawError ? error : unusable('write', before.target, error)
  }
}

function keep({ backups, file }: AuthorizedKeysPlace, bytes: Buffer, at: Date): string {
  try {
    return backUp({ folder: backups, name: 'authorized_keys' }, bytes, at)
  } catch (error) {
    throw unusable('back up', file, error)
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

function unusable(verb: string, file: string, error: unknown): ClawError {
  const detail = error instanceof Error ? error.message.replace(/, \w+ '.*$/s, '') : String(error)
  return new ClawError('store-unavailable', `Cannot ${verb} "${file}": ${detail}`, {
    hint: 'Nothing was written; correct this and try again',
    cause: error,
  })
}

import {
  closeSync,
  constants,
  fchmodSync,
  fsync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ClawError } from '../fleet/error.ts'
import { fileTrouble, isSystemError, withFile } from './file-trouble.ts'
import { CREATE, MAX_FILE_BYTES, namesIn, removeFile, tidyAway } from './whole-file.ts'

/** Files to be replaced together. Disposing removes what was written and not committed. */
export type Replacement = Disposable & {
  /** Add a file; nothing is written yet. */
  readonly stage: (path: string, text: string) => void
  /** Write every new file beside the old one, synced, mode 0600 whatever the umask. */
  readonly write: () => Promise<void>
  /** Put every new file in its place, then make that durable. */
  readonly commit: () => void
}

// Synced together, because one commit of the file system then serves several; bounded by a process's open files.
const SYNCED_TOGETHER = 64

/**
 * Begin to replace files. Readers see each file old or new and never anything else, also after a power cut; only
 * within `commit` can some files be new while others are still old.
 *
 * Call under the store's lock: what a killed writer left is removed by the next (`sweepLeftovers`).
 *
 * @throws {ClawError} `store-unavailable` with the path when a file cannot be written; its old content is kept
 */
export function replaceFiles(): Replacement {
  const texts = new Map<string, string>()
  const written = new Map<string, string>()
  return {
    stage: (path, text) => void texts.set(path, text),
    write: async () => {
      const waiting = [...texts]
      while (waiting.length > 0) await writeBeside(waiting.splice(0, SYNCED_TOGETHER), written)
    },
    commit: () => {
      for (const [path, temporary] of written) {
        withFile('write', path, () => renameSync(temporary, path))
        written.delete(path)
      }
      for (const folder of new Set([...texts.keys()].map(path => dirname(path)))) syncFolder(folder)
    },
    [Symbol.dispose]: () => {
      for (const temporary of written.values()) tidyAway(temporary)
    },
  }
}

/** @param written  gets each temporary file by the path it is for, also those of a failed attempt */
async function writeBeside(
  texts: readonly (readonly [path: string, text: string])[],
  written: Map<string, string>,
): Promise<void> {
  const open: { readonly path: string; readonly handle: number }[] = []
  try {
    for (const [path, text] of texts) {
      const folder = dirname(path)
      const temporary = join(folder, `.${basename(path)}.${newSuffix()}.tmp`)
      withFile('write', path, () => {
        makeFolder(folder)
        const handle = openSync(temporary, CREATE, 0o600)
        open.push({ path, handle })
        written.set(path, temporary)
        writeText(handle, path, text)
      })
    }
    await syncAll(open)
  } finally {
    for (const { handle } of open) closeSync(handle)
  }
}

/**
 * Text no other temporary file has: process and nanosecond. Guessing it gains nothing, since files are made exclusively;
 * node:crypto would cost every writing program 5 ms of start-up.
 */
const newSuffix = (): string => `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}`

function writeText(handle: number, path: string, text: string): void {
  const bytes = Buffer.from(text)
  if (bytes.length > MAX_FILE_BYTES) {
    throw new ClawError(
      'store-unavailable',
      `Cannot write "${path}": it has more than ${MAX_FILE_BYTES} bytes`,
    )
  }
  fchmodSync(handle, 0o600)
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at)
}

/** Waits for all, also when one fails: a handle must not be closed under a sync. */
async function syncAll(open: readonly { readonly path: string; readonly handle: number }[]): Promise<void> {
  const results = await Promise.allSettled(open.map(({ handle }) => sync(handle)))
  for (const [n, result] of results.entries()) {
    if (result.status === 'rejected') throw fileTrouble('write', open[n]?.path ?? '', result.reason)
  }
}

const sync = promisify(fsync)

function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (made !== undefined) syncFolder(dirname(made))
}

/** Make renames and removals in a folder durable. @throws {ClawError} `store-unavailable` */
export function syncFolder(folder: string): void {
  withFile('write', folder, () => {
    const handle = openSync(folder, constants.O_RDONLY)
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  })
}

// What `newSuffix` makes.
const LEFTOVER = /^\..+\.[0-9a-z]{1,8}-[0-9a-z]{1,16}\.tmp$/
const LEFTOVER_AGE_MS = 60_000

/**
 * Remove temporary files that writers left when they were killed, once they are older than a minute. Call under
 * the store's lock.
 */
export function sweepLeftovers(folder: string, now: Date): void {
  for (const name of namesIn(folder).filter(entry => LEFTOVER.test(entry))) {
    const path = join(folder, name)
    withFile('remove', path, () => {
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat !== undefined && now.getTime() - stat.mtimeMs > LEFTOVER_AGE_MS) removeFile(path)
    })
  }
}

/** Where a damaged file is to be kept: `<path>.corrupt-<time>`, a name nothing has yet. */
export function asideName(path: string, now: Date): string {
  const wanted = `${path}.corrupt-${now.toISOString().replaceAll(/[-:]/g, '')}`
  let name = wanted
  for (let n = 2; lstatSync(name, { throwIfNoEntry: false }) !== undefined; n++) name = `${wanted}-${n}`
  return name
}

/**
 * Keep a damaged file under another name. Call under the store's lock.
 *
 * @param stays  leave it at `path` too, for a replacement that is about to be committed: a machine that stops in
 *   between then still finds a damaged file, not a missing one
 * @throws {ClawError} `store-unavailable`
 */
export function setAside(path: string, name: string, stays: boolean): void {
  withFile('write', path, () => {
    if (!stays || !linked(path, name)) renameSync(path, name)
  })
}

/** Remove files; durable when it returns. @throws {ClawError} `store-unavailable` */
export function removeFiles(paths: readonly string[]): void {
  for (const path of paths) withFile('remove', path, () => removeFile(path))
  for (const folder of new Set(paths.map(path => dirname(path)))) syncFolder(folder)
}

/** False where the file system or the kind of file allows no second name. */
function linked(path: string, kept: string): boolean {
  try {
    linkSync(path, kept)
    return true
  } catch (error) {
    if (isSystemError(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV')) return false
    throw error
  }
}

import { createHash } from 'node:crypto'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import {
  contentText,
  MANIFEST_FILE,
  parseVersionManifest,
  type VersionManifest,
} from '../fleet/version-folder.ts'

/**
 * The manifest of a version folder.
 *
 * @throws {ClawError} `damaged-state` when it is missing, unreadable, or its hash is not that of its list
 */
export function readVersionManifest(folder: string): VersionManifest {
  const file = join(folder, MANIFEST_FILE)
  let text: string
  try {
    text = readPlainFile(file).toString('utf8')
  } catch (cause) {
    throw new ClawError('damaged-state', `Cannot read "${file}": ${reasonOf(cause)}`, { cause })
  }
  const manifest = parseVersionManifest(text, `"${file}"`)
  if (sha256(contentText(manifest.files)) === manifest.hash) return manifest
  throw new ClawError('damaged-state', `Cannot trust "${file}": its hash is not that of its files`)
}

/** Paths of a version's files that are missing, are no plain files, or are not what the manifest says; sorted. */
export const damagedFiles = (folder: string, { files }: VersionManifest): readonly string[] =>
  Object.keys(files)
    .filter(path => {
      try {
        return sha256(readPlainFile(join(folder, path))) !== files[path]
      } catch {
        return true
      }
    })
    .toSorted()

/** What a file holds. A link is not followed, a pipe not waited for. @throws the system's error */
export function readPlainFile(file: string): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** SHA-256 as 64 hex digits. */
export const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

/** The system's reason in a few words, without the path that the message names already. */
export const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message.replace(/, \w+ '.*$/s, '') : String(cause)

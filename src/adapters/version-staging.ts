import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'
import {
  contentText,
  isVersionFile,
  MANIFEST_FILE,
  manifestText,
  parseVersionManifest,
  type VersionManifest,
  type VersionPart,
  versionName,
} from '../fleet/version-folder.ts'
import { newNonce } from './ids.ts'
import { damagedFiles, readPlainFile, reasonOf, sha256 } from './version-content.ts'
import { syncFolder } from './whole-file.ts'

/** Where the parts of a new version are now: absolute folders, which may be absent except `dist`. */
export type VersionSource = {
  readonly version: string
  readonly parts: Readonly<Partial<Record<VersionPart, string>>>
}

/** A version that is complete and on disk, and not yet among the others. */
export type StagedVersion = {
  readonly folder: string
  readonly name: string
  readonly manifest: VersionManifest
}

/**
 * A private folder beside the versions for what is not finished; `sweepVersions` removes what a killed run left.
 *
 * @throws {ClawError} `store-unavailable`
 */
export function stagingFolder(versions: string): string {
  const folder = join(versions, `.new-${newNonce()}`)
  return attempt('make', folder, () => {
    mkdirSync(versions, { recursive: true, mode: 0o700 })
    mkdirSync(folder, { mode: 0o700 })
    return folder
  })
}

/**
 * Copy the parts of a version into a staging folder and write its manifest, every file synced.
 *
 * What is hashed is what was written, so the manifest holds whatever happens to the source meanwhile. Hidden files and
 * the compile cache are left out; files are 0600 and folders 0700 whatever the umask.
 *
 * @param folder  as `stagingFolder` made it; `dist` may already lie in it
 * @throws {ClawError} `bad-input` for a link or an odd name in a part, or a part `dist` that is not built;
 *   `store-unavailable`
 */
export function stageVersion(folder: string, { version, parts }: VersionSource): StagedVersion {
  const files: Record<string, string> = {}
  for (const [part, source] of Object.entries(parts)) {
    for (const path of filesBelow(source)) {
      const name = `${part}/${path}`
      if (isVersionFile(name)) files[name] = copyFile(join(source, path), join(folder, name))
      else if (!isLeftOut(name)) throw oddFile(join(source, path), 'its name is not allowed')
    }
  }
  const hash = sha256(contentText(files))
  const manifest = checked({ schema: 1, version, hash, files })
  attempt('write', folder, () => {
    writeSynced(join(folder, MANIFEST_FILE), manifestText(manifest))
    for (const below of foldersBelow(folder)) syncFolder(below)
  })
  return { folder, name: versionName(manifest), manifest }
}

/**
 * Put a staged version among the others. One of the same name is equal and stays; what is damaged in it is mended
 * file by file, so that programs that run from it meanwhile find every file whole.
 *
 * @returns whether the folder is new
 * @throws {ClawError} `store-unavailable`
 */
export function settleVersion(versions: string, { folder, name, manifest }: StagedVersion): boolean {
  const target = join(versions, name)
  return attempt('write', target, () => {
    const isNew = moved(folder, target)
    if (!isNew) {
      for (const path of [...damagedFiles(target, manifest), MANIFEST_FILE]) {
        mkdirSync(dirname(join(target, path)), { recursive: true, mode: 0o700 })
        renameSync(join(folder, path), join(target, path))
      }
      rmSync(folder, { recursive: true, force: true })
    }
    syncFolder(versions)
    return isNew
  })
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}

/** Every file below a folder, with `/`; none when it does not exist. @throws {ClawError} `bad-input` for a link */
function filesBelow(folder: string): readonly string[] {
  let entries: ReturnType<typeof readEntries>
  try {
    entries = readEntries(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw unusable('read', folder, error)
  }
  return entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      if (entry.name.startsWith('.')) return []
      if (entry.isDirectory()) {
        return filesBelow(join(folder, entry.name)).map(below => `${entry.name}/${below}`)
      }
      if (!entry.isFile()) throw oddFile(join(folder, entry.name), 'it is no plain file')
      return [entry.name]
    })
}

const readEntries = (folder: string) => readdirSync(folder, { withFileTypes: true })
const isLeftOut = (name: string): boolean => name.startsWith('dist/cache/')

const foldersBelow = (folder: string): readonly string[] => [
  folder,
  ...readEntries(folder)
    .filter(entry => entry.isDirectory())
    .flatMap(entry => foldersBelow(join(folder, entry.name))),
]

/** @returns the SHA-256 of what was written */
function copyFile(from: string, to: string): string {
  const content = attempt('read', from, () => readPlainFile(from))
  attempt('write', to, () => {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
    writeSynced(to, content)
  })
  return sha256(content)
}

function writeSynced(file: string, content: string | Buffer): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    fchmodSync(descriptor, 0o600)
    writeFileSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function checked(manifest: VersionManifest): VersionManifest {
  try {
    return parseVersionManifest(JSON.stringify(manifest), 'the new version')
  } catch (cause) {
    if (!(cause instanceof ClawError)) throw cause
    throw new ClawError('bad-input', cause.message, { hint: 'Run "npm run build" and try again', cause })
  }
}

const oddFile = (path: string, why: string): ClawError =>
  new ClawError('bad-input', `Cannot install ${quoteValue(path)}: ${why}`)

function attempt<T>(verb: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof ClawError ? error : unusable(verb, path, error)
  }
}

const unusable = (verb: string, path: string, cause: unknown): ClawError =>
  new ClawError('store-unavailable', `Cannot ${verb} "${path}": ${reasonOf(cause)}`, { cause })

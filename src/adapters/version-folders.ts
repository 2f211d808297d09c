import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { type InstallRecord, NO_RECORD, parseInstallRecord } from '../fleet/install-record.ts'
import { isVersionName, MANIFEST_FILE } from '../fleet/version-folder.ts'
import type { HomePaths } from './home-paths.ts'
import { newNonce } from './ids.ts'
import { reasonOf } from './version-content.ts'
import { replaceFile, syncFolder } from './whole-file.ts'

type Paths = Pick<HomePaths, 'home' | 'versions' | 'current'>

/** One folder of `versions/`. */
export type PresentVersion = {
  readonly name: string
  /** When it was put there, UTC. */
  readonly madeAt: Date
}

/** The version in use; undefined when none is, or `current` is no link of ours. */
export function currentVersion({ current }: Pick<Paths, 'current'>): string | undefined {
  try {
    const [folder, name = '', ...more] = readlinkSync(current).split('/')
    return folder === 'versions' && more.length === 0 && isVersionName(name) ? name : undefined
  } catch {
    return undefined
  }
}

/** Every installed version, newest first; a folder without a manifest is none. */
export function presentVersions({ versions }: Pick<Paths, 'versions'>): readonly PresentVersion[] {
  return entriesOf(versions)
    .filter(isVersionName)
    .flatMap(name => {
      const stats = statSync(join(versions, name, MANIFEST_FILE), { throwIfNoEntry: false })
      return stats === undefined ? [] : [{ name, madeAt: stats.mtime }]
    })
    .toSorted((a, b) => b.madeAt.getTime() - a.madeAt.getTime() || (a.name < b.name ? 1 : -1))
}

/**
 * Make a version the current one: one rename of a relative link, so every program starts wholly from the old or
 * wholly from the new, also after a power cut.
 *
 * @throws {ClawError} `store-unavailable`
 */
export function switchVersion({ home, current }: Paths, name: string): void {
  const link = `${current}.${newNonce().slice(0, 16)}.tmp`
  try {
    symlinkSync(join('versions', name), link)
    renameSync(link, current)
    syncFolder(home)
  } catch (cause) {
    rmSync(link, { force: true })
    throw unusable('switch', current, cause)
  }
}

/** Remove versions. Each is renamed first: a half-removed folder never bears a version's name. */
export function removeVersions({ versions }: Pick<Paths, 'versions'>, names: readonly string[]): void {
  for (const name of names) {
    const doomed = join(versions, `.old-${newNonce()}`)
    try {
      renameSync(join(versions, name), doomed)
      rmSync(doomed, { recursive: true, force: true })
    } catch (cause) {
      throw unusable('remove', join(versions, name), cause)
    }
  }
}

/** Remove what killed runs left half-made. Only while nobody else installs in this home. */
export function sweepVersions({ home, versions, current }: Paths): void {
  const link = `${basename(current)}.`
  const left = [
    ...entriesOf(versions)
      .filter(name => /^\.(?:new|old)-[0-9a-f]{32}$/.test(name))
      .map(name => join(versions, name)),
    ...entriesOf(home)
      .filter(name => name.startsWith(link) && /\.[0-9a-f]{16}\.tmp$/.test(name))
      .map(name => join(home, name)),
  ]
  for (const path of left) rmSync(path, { recursive: true, force: true })
}

/**
 * The version folder a program runs from: `<home>/versions/<name>/dist/<program>.js`.
 *
 * @param script  path of the running program, links allowed
 * @returns undefined for one that runs from a clone, a package or another home
 */
export function versionOfProgram({ versions }: Pick<Paths, 'versions'>, script: string): string | undefined {
  try {
    const folder = dirname(dirname(realpathSync(script)))
    const isHere =
      dirname(folder) === realpathSync(versions) && basename(dirname(realpathSync(script))) === 'dist'
    return isHere && isVersionName(basename(folder)) ? basename(folder) : undefined
  } catch {
    return undefined
  }
}

/** What installing did outside; a missing or damaged record reads as none, with the versions by age. */
export function readInstallRecord(paths: Paths): InstallRecord {
  const file = recordFile(paths)
  try {
    return parseInstallRecord(JSON.parse(readFileSync(file, 'utf8')), `"${file}"`)
  } catch {
    const byAge = presentVersions(paths)
      .map(({ name }) => name)
      .toReversed()
    return { ...NO_RECORD, activated: byAge }
  }
}

/** @throws {ClawError} `store-unavailable` */
export function writeInstallRecord(paths: Pick<Paths, 'versions'>, record: InstallRecord): void {
  const file = recordFile(paths)
  const text = `${JSON.stringify(record, undefined, 2)}\n`
  if (textIn(file) === text) return
  try {
    mkdirSync(paths.versions, { recursive: true, mode: 0o700 })
    replaceFile(file, text, 0o600)
  } catch (cause) {
    throw unusable('write', file, cause)
  }
}

const recordFile = ({ versions }: Pick<Paths, 'versions'>): string => join(versions, 'install.json')

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const unusable = (verb: string, path: string, cause: unknown): ClawError =>
  new ClawError('store-unavailable', `Cannot ${verb} "${path}": ${reasonOf(cause)}`, { cause })

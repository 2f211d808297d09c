import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { newNonce } from './ids.ts'
import { reasonOf } from './version-content.ts'

/** Links of ours in a folder that belongs to somebody else. */
export type LinkWish = {
  readonly folder: string
  /** Name to the absolute path it is to lead to. */
  readonly links: Readonly<Record<string, string>>
  /**
   * A link to something below one of these, under the name that has there, is ours; whatever else is there is not.
   * Absolute, without final slash.
   */
  readonly ours: readonly string[]
}

/** What is to be done, or was done, in such a folder; names, sorted. */
export type LinkChange = LinkWish & {
  readonly made: readonly string[]
  /** Links of ours that nothing wants any more. */
  readonly removed: readonly string[]
  readonly kept: readonly string[]
  /** Wanted names that somebody else holds: they stay as they are. */
  readonly foreign: readonly string[]
  /** The folder and those above it that do not exist yet, outermost first. */
  readonly newFolders: readonly string[]
}

/** Compare a folder with what is wanted in it; only looks. */
export function planLinks(wish: LinkWish): LinkChange {
  const { folder, links, ours } = wish
  const there = new Map(namesIn(folder).map(name => [name, targetOf(join(folder, name))] as const))
  const isOurs = (name: string) => {
    const target = there.get(name)
    // The owner's own short name for a program of ours is not ours: we never give a link another name.
    return basename(target ?? '') === name && ours.some(place => target?.startsWith(`${place}/`))
  }
  const wanted = Object.keys(links).toSorted()
  const kept = wanted.filter(name => isOurs(name) && there.get(name) === links[name])
  const foreign = wanted.filter(name => there.has(name) && !isOurs(name))
  return {
    ...wish,
    kept,
    foreign,
    made: wanted.filter(name => !kept.includes(name) && !foreign.includes(name)),
    removed: [...there.keys()].filter(name => isOurs(name) && !Object.hasOwn(links, name)).toSorted(),
    newFolders: wanted.length === 0 ? [] : missing(folder),
  }
}

/**
 * Make and remove what `planLinks` found. A file that appears meanwhile under a wanted name stays.
 *
 * @throws {ClawError} `store-unavailable` naming the link
 */
export function applyLinks({ folder, links, made, removed, newFolders }: LinkChange): void {
  for (const each of newFolders)
    attempt('make', each, () => mkdirSync(each, { recursive: true, mode: 0o700 }))
  for (const name of made) {
    const link = join(folder, name)
    attempt('link', link, () => replaceLink(link, links[name] ?? ''))
  }
  for (const name of removed) attempt('remove', join(folder, name), () => rmSync(join(folder, name)))
}

function replaceLink(link: string, target: string): void {
  if (targetOf(link) === undefined) {
    symlinkSync(target, link) // fails where something else has appeared
    return
  }
  // One of ours that leads elsewhere: replaced without a moment in which there is none.
  const temporary = `${link}.${newNonce().slice(0, 16)}.tmp`
  symlinkSync(target, temporary)
  renameSync(temporary, link)
}

/** Where a link leads, absolute; undefined for anything that is no link. */
function targetOf(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path))
  } catch {
    return undefined
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function missing(folder: string): readonly string[] {
  if (existsSync(folder)) return []
  const above = dirname(folder)
  return above === folder ? [] : [...missing(above), folder]
}

function attempt(verb: string, path: string, work: () => unknown): void {
  try {
    work()
  } catch (cause) {
    throw new ClawError('store-unavailable', `Cannot ${verb} "${path}": ${reasonOf(cause)}`, { cause })
  }
}

import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** One thing that lies in a home. */
export type SurveyedEntry = {
  readonly path: string
  readonly kind: 'folder' | 'file' | 'other'
  readonly mode: number
  readonly uid: number
  readonly ageMs: number
}

export type Survey = { readonly entries: readonly SurveyedEntry[]; readonly isCut: boolean }

/** A home holds some hundred files; the bound keeps a doctor from walking a disk that was linked in. */
const MAX_ENTRIES = 20_000

/** Node's compile cache: made anew at need, with whatever mode Node gives it. */
const isCache = (path: string): boolean => /\/versions\/[^/]+\/dist\/cache$/.test(path)

/**
 * Look at everything in a home, itself first; links are not followed.
 *
 * @throws the system's error when the home itself cannot be looked at; what cannot be read inside is left out
 */
export async function surveyHome(home: string, now: Date): Promise<Survey> {
  const entries = [await entryAt(home, now)]
  const folders = [home]
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    for (const entry of await entriesIn(folder, now)) {
      if (entries.length >= MAX_ENTRIES) return { entries, isCut: true }
      if (isCache(entry.path)) continue
      entries.push(entry)
      if (entry.kind === 'folder') folders.push(entry.path)
    }
  }
  return { entries, isCut: false }
}

async function entriesIn(folder: string, now: Date): Promise<readonly SurveyedEntry[]> {
  const names = await readdir(folder).catch((): string[] => [])
  const looks = await Promise.allSettled(names.map(name => entryAt(join(folder, name), now)))
  return looks.flatMap(look => (look.status === 'fulfilled' ? [look.value] : []))
}

async function entryAt(path: string, now: Date): Promise<SurveyedEntry> {
  const stat = await lstat(path)
  const kind = stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'other'
  return { path, kind, mode: stat.mode & 0o7777, uid: stat.uid, ageMs: now.getTime() - stat.mtimeMs }
}

/**
 * Give files and folders their modes. What became a link meanwhile, or is gone, is left alone.
 *
 * @throws the system's error when one is not ours
 */
export async function setModes(
  files: readonly { readonly path: string; readonly mode: number }[],
): Promise<void> {
  for (const { path, mode } of files) {
    const stat = await lstat(path).catch(() => undefined)
    if (stat?.isFile() === true || stat?.isDirectory() === true) await chmod(path, mode)
  }
}

/** Remove files; those that are gone are as good as removed. @throws the system's error when one is not ours */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true })
}

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './whole-file.ts'

/** Backups of one file kept at most; each is as long as the file itself. */
export const KEPT_BACKUPS = 10

/** What is kept, and where. */
export type BackupPlace = {
  /** Folder of all backups; made with mode 0700 where it is missing. */
  readonly folder: string
  /** Name of the file that is kept: its backups are `<name>.<time>.<number>`. */
  readonly name: string
}

/**
 * Keep the content a file has before it changes, mode 0600; only the last `KEPT_BACKUPS` of this name stay.
 *
 * @param at  names the backup
 * @returns its path
 * @throws the system's error when the folder cannot be written
 */
export function backUp({ folder, name }: BackupPlace, bytes: Buffer, at: Date): string {
  const stamp = `${name}.${at.toISOString().replaceAll(/[-:]/g, '')}.`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const kept = readdirSync(folder)
    .filter(each => each.startsWith(`${name}.`) && !each.endsWith('.tmp'))
    .toSorted()
  const last = kept.findLast(each => each.startsWith(stamp))
  const next = last === undefined ? 0 : Number(last.slice(stamp.length)) + 1
  const backup = join(folder, `${stamp}${String(next).padStart(6, '0')}`)
  replaceFile(backup, bytes, 0o600)
  for (const old of kept.slice(0, -(KEPT_BACKUPS - 1))) rmSync(join(folder, old), { force: true })
  return backup
}

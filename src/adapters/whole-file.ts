import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { systemClock } from './clock.ts'
import { newNonce } from './ids.ts'

/**
 * Replace a small file whole: readers see the old content or the new, never a part, also after a power cut.
 *
 * @param mode           of the new file, whatever the umask says
 * @param isStillWanted  asked after the new content is safe on disk, just before it takes the file's place
 * @returns false when it was not wanted any more; the file is as it was
 * @throws the system's error when the folder is missing, full or not ours
 */
export function replaceFile(
  file: string,
  content: string | Buffer,
  mode: number,
  isStillWanted: () => boolean = () => true,
): boolean {
  sweepLeftovers(file)
  const temporary = `${file}.${newNonce().slice(0, 16)}.tmp`
  // Exclusive: whatever lies there already, a link above all, is not ours to follow.
  const descriptor = openSync(temporary, 'wx', mode)
  try {
    try {
      fchmodSync(descriptor, mode) // whatever the umask took away
      writeFileSync(descriptor, content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (!isStillWanted()) return false
    renameSync(temporary, file)
    syncFolder(dirname(file))
    return true
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** A file is replaced in milliseconds; one that lies beside it for so long belongs to a program that was killed. */
const LEFT_OVER_MS = 60_000

/** Remove what programs left beside a file that were killed while they replaced it. */
function sweepLeftovers(file: string): void {
  const folder = dirname(file)
  const isOurs = (name: string) =>
    name.startsWith(`${basename(file)}.`) && /^[0-9a-f]{16}\.tmp$/.test(name.slice(basename(file).length + 1))
  for (const name of readdirSync(folder).filter(isOurs)) {
    const path = join(folder, name)
    const age =
      systemClock.now().getTime() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity)
    if (age > LEFT_OVER_MS) rmSync(path, { force: true })
  }
}

/** Make what was just created, renamed or removed in a folder safe against a power cut. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

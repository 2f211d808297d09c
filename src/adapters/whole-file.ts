import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
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

/** Make what was just created, renamed or removed in a folder safe against a power cut. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

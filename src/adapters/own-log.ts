import { copyFileSync, fstatSync, ftruncateSync, lstatSync, renameSync } from 'node:fs'

/** Bytes; five files are kept, so 10 MB in all. */
const MAX_LOG_BYTES = 2 * 1024 * 1024
const OLDEST = 4

/**
 * Put aside what a service manager writes for us once it is too long: launchd, systemd and cron let it grow for ever,
 * and hold it open, so it is copied and emptied. Call before writing to it.
 *
 * Nothing happens while the descriptor is not that very file, opened for appending by somebody who means a log.
 *
 * @param descriptor  1 or 2
 * @param file        the log it may be
 */
export function keepLogShort(descriptor: number, file: string, maxBytes = MAX_LOG_BYTES): void {
  try {
    const open = fstatSync(descriptor)
    if (!open.isFile() || open.size <= maxBytes) return
    const named = lstatSync(file)
    if (named.ino !== open.ino || named.dev !== open.dev) return
    for (let n = OLDEST - 1; n >= 1; n--) moveUp(file, n)
    copyFileSync(file, `${file}.1`)
    ftruncateSync(descriptor, 0)
  } catch {
    // A log that cannot be put aside is no reason to stop working.
  }
}

function moveUp(file: string, n: number): void {
  if (lstatSync(`${file}.${n}`, { throwIfNoEntry: false }) !== undefined)
    renameSync(`${file}.${n}`, `${file}.${n + 1}`)
}

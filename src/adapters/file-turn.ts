import { closeSync, openSync, rmSync, statSync } from 'node:fs'
import { ClawError } from '../fleet/error.ts'
import { systemClock } from './clock.ts'

/** A turn takes milliseconds; one that does not change for so long belongs to a program that was killed in it. */
const STALE_MS = 10_000
/** How long others are waited for; longer than `STALE_MS`, so that a killed program does not stop the next one. */
const WAIT_MS = 15_000
const PAUSE_MS = 2

/**
 * Read, change and replace a file while no other program of ours does so: `<file>.turn` exists meanwhile.
 *
 * The wait blocks this process, so `work` must be as short as reading and writing a small file.
 *
 * @throws {ClawError} `busy` when the turn does not come within 15 s; what `work` throws, and the system's error when
 *   the folder cannot be written
 */
export function inTurn<T>(file: string, work: () => T): T {
  const turn = `${file}.turn`
  const startedAt = systemClock.monotonicMs()
  let seen = { mark: '', at: startedAt }
  while (!taken(turn)) {
    const now = systemClock.monotonicMs()
    const mark = markOf(turn)
    if (mark !== seen.mark) seen = { mark, at: now }
    else if (now - seen.at > STALE_MS) rmSync(turn, { force: true })
    if (now - startedAt > WAIT_MS) {
      throw new ClawError('busy', `Cannot change "${file}": another program does not finish`)
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  }
  try {
    return work()
  } finally {
    rmSync(turn, { force: true })
  }
}

function taken(turn: string): boolean {
  try {
    closeSync(openSync(turn, 'wx', 0o600))
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

/** Tells one turn from the next; empty when there is none now. */
function markOf(turn: string): string {
  try {
    const { ino, mtimeNs } = statSync(turn, { bigint: true })
    return `${ino} ${mtimeNs}`
  } catch (error) {
    if (isCode(error, 'ENOENT')) return ''
    throw error
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

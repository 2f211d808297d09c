import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../adapters/clock.ts'
import { lazy } from '../fleet/lazy.ts'
import { parseValue, z } from '../fleet/parse.ts'
import { isSystemError, sqliteCode, withFile } from './file-trouble.ts'
import { ensurePrivateFile, readWholeFile, tidyAway } from './whole-file.ts'

const holderFile = lazy(() => z.object({ program: z.string(), pid: z.number(), startedAt: z.string() }))

/** Who holds a lock, for people: program, process id, and since when (UTC, ISO 8601). */
export type LockHolder = { readonly program: string; readonly pid: number; readonly startedAt: string }

export type LockRequest = {
  /** Folder of the lock files; made with mode 0700 where it is missing. */
  readonly directory: string
  /** File name of the lock, without its ending. */
  readonly name: string
  /** Bound on the wait; 0 tries once. Waiting leaves the event loop free. */
  readonly waitMs: number
  readonly holder: LockHolder
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>
  /** Ends the wait early, as if `waitMs` had passed. */
  readonly signal?: AbortSignal
}

// A handle that nothing refers to is collected, and its lock with it.
const held = new Set<DatabaseSync>()

/**
 * Take a lock that the kernel frees when its holder ends, however it ends.
 *
 * It is SQLite's exclusive lock on an empty file, `<name>.db`. POSIX drops all locks a process has on a file when
 * the process closes any handle on it, so that file is opened by SQLite alone (sqlite.org/howtocorrupt.html, 2.2).
 * Who waits takes a turn first, `<name>.next.db`: a program that takes the lock again and again would otherwise
 * leave only gaps too short for the others to find it free.
 *
 * @returns the lock, freed by disposing; undefined when another holds it after `waitMs`, in this process or not
 * @throws {ClawError} `store-unavailable` naming the path when there can be no lock here
 */
export async function acquireLock(request: LockRequest): Promise<Disposable | undefined> {
  const { name, waitMs, clock } = request
  if (waitMs === 0) return await take(request, ALONE)
  const deadline = clock.monotonicMs() + waitMs
  using turn = await take({ ...request, name: turnName(name) }, IN_A_CROWD)
  if (turn === undefined) return undefined
  return await take({ ...request, waitMs: Math.max(0, deadline - clock.monotonicMs()) }, ALONE)
}

/**
 * Who took a lock last, or waits for it first. Only worth asking when `acquireLock` has just said that it is held:
 * a killed holder leaves its name behind.
 */
export function lockHolder(directory: string, name: string): LockHolder | undefined {
  return readHolder(holderPath(directory, name)) ?? readHolder(holderPath(directory, turnName(name)))
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return parseValue(holderFile, JSON.parse(readWholeFile(path) ?? ''), path)
  } catch {
    // Being written just now, or damaged: a name for people is not worth stopping for.
    return undefined
  }
}

const turnName = (name: string) => `${name}.next`
const holderPath = (directory: string, name: string) => join(directory, `${name}.holder`)

/** How long to pause between tries, by how long one has waited already; all in milliseconds. */
type Patience = readonly { readonly afterMs: number; readonly pauseMs: number }[]

// One waits for the lock itself, and many for their turn. Of those, who has waited longer asks more often: the odds
// of a long wait then fall with its length. After a while it is a program that waits for another, and has time.
const ALONE: Patience = [
  { afterMs: 10_000, pauseMs: 100 },
  { afterMs: 100, pauseMs: 2 },
  { afterMs: 0, pauseMs: 1 },
]
const IN_A_CROWD: Patience = [
  { afterMs: 10_000, pauseMs: 100 },
  { afterMs: 1000, pauseMs: 2 },
  { afterMs: 250, pauseMs: 10 },
  { afterMs: 0, pauseMs: 25 },
]

async function take(request: LockRequest, patience: Patience): Promise<Disposable | undefined> {
  const { directory, name } = request
  const path = join(directory, `${name}.db`)
  const handle = openLockFile(directory, path)
  using taken = new DisposableStack()
  taken.defer(() => handle.close())
  if (!(await retry(() => tryLock(handle, path), request, patience))) return undefined
  held.add(handle)
  taken.defer(() => held.delete(handle))
  nameHolder(request)
  taken.defer(() => tidyAway(holderPath(directory, name)))
  return taken.move()
}

function openLockFile(directory: string, path: string): DatabaseSync {
  return withFile('lock', path, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    ensurePrivateFile(path)
    return new DatabaseSync(path)
  })
}

/** @returns false when `attempt` did not succeed within `waitMs`, or the signal ended the wait */
async function retry(
  attempt: () => boolean,
  { waitMs, clock, signal }: LockRequest,
  patience: Patience,
): Promise<boolean> {
  const began = clock.monotonicMs()
  for (;;) {
    if (attempt()) return true
    const waitedMs = clock.monotonicMs() - began
    if (waitedMs >= waitMs || signal?.aborted) return false
    const pauseMs = patience.find(({ afterMs }) => waitedMs >= afterMs)?.pauseMs ?? 1
    await clock.sleep(Math.min(pauseMs, waitMs - waitedMs), signal).catch(error => {
      if (!signal?.aborted) throw error
    })
  }
}

const SQLITE_BUSY = 5

function tryLock(handle: DatabaseSync, path: string): boolean {
  return withFile('lock', path, () => {
    try {
      // In memory, because nothing is ever written: a rollback journal would be a second file to make and remove.
      handle.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
      return true
    } catch (error) {
      if (sqliteCode(error) === SQLITE_BUSY) return false
      throw error
    }
  })
}

const OVERWRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

function nameHolder({ directory, name, holder }: LockRequest): void {
  const path = holderPath(directory, name)
  withFile('write', path, () => {
    const file = openSync(path, OVERWRITE, 0o600)
    try {
      writeSync(file, `${JSON.stringify(holder)}\n`)
    } catch (error) {
      // The lock is held all the same; what cannot be stored is told by the file it is about.
      if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw error
    } finally {
      closeSync(file)
    }
  })
}

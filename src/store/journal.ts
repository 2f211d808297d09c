import { lstatSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { ClawError } from '../fleet/error.ts'
import { type FleetEvent, parseEvent } from '../fleet/event.ts'
import { fileTrouble, sqliteCode } from './file-trouble.ts'
import {
  applyDeferred,
  DEFERRED_SCHEMA,
  type Deferred,
  readPending,
  readRevocations,
} from './journal-deferred.ts'
import { parseJson } from './json-file.ts'
import type { FleetStore, Run } from './store.ts'
import { damaged, ensurePrivateFile } from './whole-file.ts'

/** What one step adds to the journal. */
export type Entry = {
  readonly events?: readonly FleetEvent[]
  readonly run?: Run | undefined
  readonly deferred?: Deferred | undefined
}

/** What happened on this machine and when programs ran (`journal.db`), to add to. Disposing closes the file. */
export type Journal = Disposable & {
  /** Add to it in one transaction; on disk when it returns. */
  readonly record: (entry: Entry) => void
}

/** The same, to look at. */
export type JournalView = Disposable & {
  /** The newest, newest first. Kinds that only a newer version knows are left out. */
  readonly events: (limit: number) => readonly FleetEvent[]
  readonly lastRun: (program: string) => Run | undefined
  readonly pending: () => Awaited<ReturnType<FleetStore['pending']>>
  readonly revocations: () => Awaited<ReturnType<FleetStore['revocations']>>
}

/** Events kept at most, about 5 MB: many months of a fleet's life. More would only make the file bigger. */
export const MAX_EVENTS = 20_000

// Raised with each change of the tables. Versions only add, so an older program works in a newer file.
const SCHEMA_VERSION = 2
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS runs (
    program TEXT PRIMARY KEY, startedAt TEXT NOT NULL, finishedAt TEXT NOT NULL, result TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
    timestamp TEXT NOT NULL, event TEXT NOT NULL, gatewayId TEXT, data TEXT NOT NULL
  ) STRICT;
  ${DEFERRED_SCHEMA}
  PRAGMA user_version = ${SCHEMA_VERSION};`

// Time a statement waits for another process's transaction; ours last milliseconds.
const BUSY_MS = 5000

/**
 * Open the journal to add to it; it is made with mode 0600 where it is missing, and SQLite gives its side files the
 * mode of the main one (sqlite.org/wal.html).
 *
 * @throws {ClawError} `damaged-state` when the file is no journal; `store-unavailable`
 */
export function openJournal(path: string): Journal {
  const database = withJournal(path, 'write', () => openToWrite(path))
  return {
    record: entry => withJournal(path, 'write', () => record(database, entry)),
    [Symbol.dispose]: () => close(database),
  }
}

/**
 * Open the journal to look at it. No lock is needed, and nothing is made.
 *
 * @returns undefined where there is none yet
 * @throws {ClawError} `damaged-state` when the file is no journal; `store-unavailable`
 */
export function viewJournal(path: string): JournalView | undefined {
  const database = withJournal(path, 'read', () => openToRead(path))
  return database === undefined
    ? undefined
    : {
        events: limit => withJournal(path, 'read', () => readEvents(database, path, limit)),
        lastRun: program => withJournal(path, 'read', () => readRun(database, path, program)),
        pending: () => withJournal(path, 'read', () => (hasDeferred(database) ? readPending(database) : [])),
        revocations: () =>
          withJournal(path, 'read', () => (hasDeferred(database) ? readRevocations(database) : [])),
        [Symbol.dispose]: () => close(database),
      }
}

function close(database: DatabaseSync): void {
  if (database.isOpen) database.close()
}

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function withJournal<T>(path: string, deed: 'read' | 'write', step: () => T): T {
  try {
    return step()
  } catch (error) {
    const code = sqliteCode(error)
    if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) throw damaged(path, 'it is not a journal of ours')
    throw fileTrouble(deed, path, error)
  }
}

function openToWrite(path: string): DatabaseSync {
  ensurePrivateFile(path)
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    // fullfsync: on macOS plain fsync leaves the data in the disk's cache.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON')
    if (schemaVersion(database) < SCHEMA_VERSION) transact(database, () => database.exec(SCHEMA))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

function openToRead(path: string): DatabaseSync | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  const database = openReadOnly(path)
  // Made and not yet filled: a writer is just beginning, or was killed there.
  if (schemaVersion(database) > 0) return database
  database.close()
  return undefined
}

function openReadOnly(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true })
  try {
    schemaVersion(database)
    return database
  } catch (error) {
    database.close()
    if (![SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN].includes(sqliteCode(error) ?? 0)) throw error
    // On a disk that is full or read-only there is no place for the side files; no writer gets far there either.
    return new DatabaseSync(new URL(`${pathToFileURL(path)}?immutable=1`), { readOnly: true })
  }
}

const schemaVersion = (database: DatabaseSync): number =>
  Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0)

function transact(database: DatabaseSync, step: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    step()
    database.exec('COMMIT')
  } catch (error) {
    // After a full disk SQLite has already rolled back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** A journal that only an older version has written to has no tables for it. */
const hasDeferred = (database: DatabaseSync): boolean => schemaVersion(database) >= 2

function record(database: DatabaseSync, { events = [], run, deferred }: Entry): void {
  const insert = 'INSERT INTO events (timestamp, event, gatewayId, data) VALUES (?, ?, ?, ?)'
  const trim = 'DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?'
  const mark = 'INSERT OR REPLACE INTO runs (program, startedAt, finishedAt, result) VALUES (?, ?, ?, ?)'
  transact(database, () => {
    const statement = database.prepare(insert)
    for (const { timestamp, event, gatewayId, data } of events) {
      statement.run(timestamp, event, gatewayId ?? null, JSON.stringify(data))
    }
    if (events.length > 0) database.prepare(trim).run(MAX_EVENTS)
    if (deferred !== undefined) applyDeferred(database, deferred)
    if (run === undefined) return
    const { program, startedAt, finishedAt, result } = run
    database.prepare(mark).run(program, startedAt, finishedAt, JSON.stringify(result) ?? 'null')
  })
}

function readEvents(database: DatabaseSync, path: string, limit: number): readonly FleetEvent[] {
  const rows = database
    .prepare('SELECT timestamp, event, gatewayId, data FROM events ORDER BY id DESC LIMIT ?')
    .all(limit)
  return rows.flatMap(({ gatewayId, data, ...row }) => {
    try {
      const id = gatewayId === null ? {} : { gatewayId }
      return [parseEvent({ ...row, ...id, data: parseJson(String(data), path) }, path)]
    } catch (error) {
      if (error instanceof ClawError) return []
      throw error
    }
  })
}

function readRun(database: DatabaseSync, path: string, program: string): Run | undefined {
  const row = database.prepare('SELECT * FROM runs WHERE program = ?').get(program)
  if (row === undefined) return undefined
  const { startedAt, finishedAt, result } = row
  const mark = { program, startedAt: String(startedAt), finishedAt: String(finishedAt) }
  return { ...mark, result: parseJson(String(result), path) }
}

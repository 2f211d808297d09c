import type { DatabaseSync } from 'node:sqlite'
import { idKey } from '../fleet/parse.ts'
import { type PendingItem, parsePending } from '../fleet/pending.ts'
import { parseRevocation, type Revocation } from '../fleet/revocation.ts'
import { MAX_PENDING, MAX_REVOCATIONS } from './store.ts'

/** What is put off, what is done, and who was revoked. */
export type Deferred = {
  readonly added?: readonly PendingItem[]
  /** Ids of items that need not be done any more. */
  readonly done?: readonly string[]
  readonly revoked?: readonly Revocation[]
}

/** The journal's tables for it, since version 2 of its schema. */
export const DEFERRED_SCHEMA = `CREATE TABLE IF NOT EXISTS pending (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, gatewayId TEXT NOT NULL, about TEXT NOT NULL, createdAt TEXT NOT NULL,
    tries INTEGER NOT NULL, lastTriedAt TEXT, lastError TEXT, data TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS revoked (
    id TEXT PRIMARY KEY, gatewayId TEXT NOT NULL, clanKey TEXT, hostKey TEXT, incarnation INTEGER,
    revokedAt TEXT NOT NULL, liftedAt TEXT
  ) STRICT, WITHOUT ROWID;`

// A retry that fails late must not take the place of what the owner has ordered since.
const PUT_OFF = `INSERT INTO pending (id, kind, gatewayId, about, createdAt, tries, lastTriedAt, lastError, data)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, gatewayId = excluded.gatewayId, about = excluded.about,
    createdAt = excluded.createdAt, tries = excluded.tries, lastTriedAt = excluded.lastTriedAt,
    lastError = excluded.lastError, data = excluded.data
  WHERE excluded.createdAt >= pending.createdAt`
const TRIM_PENDING = `DELETE FROM pending WHERE id NOT IN
  (SELECT id FROM pending ORDER BY kind = 'revoke' DESC, createdAt DESC LIMIT ?)`
const REVOKE = `INSERT INTO revoked (id, gatewayId, clanKey, hostKey, incarnation, revokedAt, liftedAt)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET gatewayId = excluded.gatewayId, clanKey = excluded.clanKey,
    hostKey = excluded.hostKey, incarnation = excluded.incarnation, revokedAt = excluded.revokedAt,
    liftedAt = excluded.liftedAt
  WHERE excluded.revokedAt >= revoked.revokedAt`
const TRIM_REVOKED = `DELETE FROM revoked WHERE id NOT IN
  (SELECT id FROM revoked ORDER BY liftedAt IS NULL DESC, revokedAt DESC LIMIT ?)`

/** Write it down, inside the caller's transaction. */
export function applyDeferred(
  database: DatabaseSync,
  { added = [], done = [], revoked = [] }: Deferred,
): void {
  const putOff = database.prepare(PUT_OFF)
  for (const { id, kind, gatewayId, about, createdAt, tries, lastTriedAt, lastError, data } of added) {
    putOff.run(id, kind, gatewayId, about, createdAt, tries, lastTriedAt, lastError, JSON.stringify(data))
  }
  if (added.length > 0) database.prepare(TRIM_PENDING).run(MAX_PENDING)
  const remove = database.prepare('DELETE FROM pending WHERE id = ?')
  for (const id of done) remove.run(id)
  const revoke = database.prepare(REVOKE)
  for (const { gatewayId, clanKey, hostKey, incarnation, revokedAt, liftedAt } of revoked) {
    revoke.run(idKey(gatewayId), gatewayId, clanKey, hostKey, incarnation, revokedAt, liftedAt)
  }
  if (revoked.length > 0) database.prepare(TRIM_REVOKED).run(MAX_REVOCATIONS)
}

/** Oldest first. */
export function readPending(database: DatabaseSync): readonly PendingItem[] {
  const rows = database.prepare('SELECT * FROM pending ORDER BY createdAt, id').all()
  return rows.flatMap(row => parsePending({ ...row, data: readJson(row.data) }) ?? [])
}

/** Oldest first. */
export function readRevocations(database: DatabaseSync): readonly Revocation[] {
  const rows = database.prepare('SELECT * FROM revoked ORDER BY revokedAt, id').all()
  return rows.flatMap(row => parseRevocation(row) ?? [])
}

/** Undefined for what is no JSON: the row is worth reading without it. */
function readJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return undefined
  }
}

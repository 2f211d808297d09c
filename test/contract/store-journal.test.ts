import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { FleetEvent } from '../../src/fleet/event.ts'
import { MAX_EVENTS } from '../../src/store/journal.ts'
import { id } from '../support/builders.ts'
import { storeHome } from '../support/store-home.ts'

const event = (n: number): FleetEvent => ({
  timestamp: '2026-11-20T12:00:00.000Z',
  event: 'offline',
  gatewayId: id('studio'),
  data: { n },
})

test('the journal keeps the newest events and no more than MAX_EVENTS', async () => {
  await using home = await storeHome()
  await using store = home.open()
  const batch = (first: number, count: number) => Array.from({ length: count }, (_, n) => event(first + n))

  await store.recordEvents(batch(0, MAX_EVENTS))
  await store.recordEvents(batch(MAX_EVENTS, 5))

  const kept = await store.events(2 * MAX_EVENTS)
  expect(kept).toHaveLength(MAX_EVENTS)
  expect([kept.at(0)?.data.n, kept.at(-1)?.data.n]).toEqual([MAX_EVENTS + 4, 5])
})

test('a journal that a newer version has extended is read and added to', async () => {
  await using home = await storeHome()
  await using store = home.open()
  await store.recordEvents([event(1)])
  await store[Symbol.asyncDispose]()
  {
    using newer = new DatabaseSync(home.paths.journal)
    newer.exec(`PRAGMA user_version = 99; ALTER TABLE events ADD COLUMN severity TEXT DEFAULT 'low';
      ALTER TABLE runs ADD COLUMN host TEXT;
      INSERT INTO events (timestamp, event, data, severity) VALUES ('t', 'gateway_restarted', '{}', 'high')`)
  }

  await using older = home.open()
  await older.recordEvents([event(2)])
  await older.recordRun({ program: 'claw-ping', startedAt: 'a', finishedAt: 'b', result: 1 })

  expect(await older.events(9)).toEqual([event(2), event(1)])
  expect(await older.lastRun('claw-ping')).toEqual({
    program: 'claw-ping',
    startedAt: 'a',
    finishedAt: 'b',
    result: 1,
  })
})

test('every event has an id of its own that no other machine gives', async () => {
  await using home = await storeHome()
  await using store = home.open()
  await store.recordEvents(Array.from({ length: 200 }, (_, n) => event(n)))

  using database = new DatabaseSync(home.paths.journal, { readOnly: true })
  const uids = database
    .prepare('SELECT uid FROM events')
    .all()
    .map(({ uid }) => String(uid))

  expect(new Set(uids).size).toBe(200)
  expect(uids.every(uid => /^[0-9a-f]{32}$/.test(uid))).toBe(true)
})

test('a journal made by a program that was killed at once is empty, not damaged', async () => {
  await using home = await storeHome()
  await using store = home.open()
  await store.changePeers(() => [])
  new DatabaseSync(home.paths.journal).close()

  expect(await store.events(5)).toEqual([])
  await store.recordEvents([event(1)])
  expect(await store.events(5)).toEqual([event(1)])
})

test('a journal of the version before the pending list is looked at as it is, and extended by the first write', async () => {
  await using home = await storeHome()
  await using store = home.open()
  await store.recordEvents([event(1)])
  await store[Symbol.asyncDispose]()
  {
    using older = new DatabaseSync(home.paths.journal)
    older.exec('PRAGMA user_version = 1; DROP TABLE pending; DROP TABLE revoked')
  }
  await using newer = home.open()
  expect([await newer.pending(), await newer.revocations()]).toEqual([[], []])

  await newer.recordEvents([event(2)])

  expect(await newer.pending()).toEqual([])
  expect(await newer.events(9)).toEqual([event(2), event(1)])
})

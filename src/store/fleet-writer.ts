import { basename, dirname, join } from 'node:path'
import type { Clock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { appendToLog } from './event-log.ts'
import { damageEvent, type Plan } from './fleet-plan.ts'
import { type Entry, type Journal, openJournal } from './journal.ts'
import { stageJson } from './json-file.ts'
import { acquireLock, type LockHolder, lockHolder } from './lock.ts'
import {
  asideName,
  removeFiles,
  replaceFiles,
  setAside,
  sweepLeftovers,
  syncFolder,
} from './replace-files.ts'
import { namesIn } from './whole-file.ts'

/** A program that has kept the store for so long is stuck: a write takes a few milliseconds of it. */
const STUCK_MS = 10_000
/** In a crowd it can take longer until it is our turn; so many times `STUCK_MS` is the bound on that. */
const MOST_WAITS = 6

/** The only way the files of a home are changed. Disposing closes the journal. */
export type FleetWriter = Disposable & {
  /**
   * Run one step while nobody else can write, neither another program nor another step of this one; it must wait
   * for nothing but its commit.
   *
   * @throws {ClawError} `store-unavailable`, naming who holds the lock when that is the same for 10 s, and after one
   *   minute in any case
   */
  readonly locked: <T>(step: (commit: Commit, now: Date) => Promise<T>) => Promise<T>
}

/**
 * Carry out a plan, and record in the journal what goes with it. When it returns all of that is durable. Events are
 * recorded before the files show what they tell of, so that none is ever lost; what fails earlier changes nothing.
 *
 * @throws {ClawError} `store-unavailable`
 */
export type Commit = (plan: Plan, entry?: Entry) => Promise<void>

/** A plan that touches no file. */
export const NO_FILES: Plan = { documents: new Map(), removals: [], setAside: [] }

/** Open the writer of one home; nothing is touched before the first step. */
export function openFleetWriter(paths: HomePaths, clock: Clock): FleetWriter {
  const history = openHistory(paths)
  let swept = false
  return {
    locked: async step => {
      using _held = await lockStore(paths, clock)
      const now = clock.now()
      for (const folder of swept ? [] : [paths.home, paths.peers, paths.candidates])
        sweepLeftovers(folder, now)
      swept = true
      return await step((plan, entry = {}) => carryOut({ plan, entry, history, now }), now)
    },
    [Symbol.dispose]: () => history[Symbol.dispose](),
  }
}

async function lockStore({ locks }: HomePaths, clock: Clock): Promise<Disposable> {
  const program = basename(process.argv[1] ?? 'node').replace(/\.[a-z]+$/, '')
  const holder = { program, pid: process.pid, startedAt: clock.now().toISOString() }
  const request = { directory: locks, name: 'store', waitMs: STUCK_MS, holder, clock }
  for (let waits = 1; ; waits++) {
    const before = lockHolder(locks, 'store')
    const lock = await acquireLock(request)
    if (lock !== undefined) return lock
    const now = lockHolder(locks, 'store')
    const stuck = before?.pid === now?.pid && before?.startedAt === now?.startedAt
    if (stuck || waits === MOST_WAITS) throw notFree(locks, waits * STUCK_MS, now)
  }
}

function notFree(locks: string, waitedMs: number, holder: LockHolder | undefined): ClawError {
  const by =
    holder === undefined
      ? ''
      : `: ${holder.program} (process ${holder.pid}, begun at ${holder.startedAt}) has it`
  return new ClawError(
    'store-unavailable',
    `Cannot lock "${join(locks, 'store.db')}" within ${waitedMs} ms${by}`,
    {
      hint: 'See whether that process is stopped or stuck, then run this again',
    },
  )
}

type Errand = {
  readonly plan: Plan
  readonly entry: Entry
  readonly history: History
  readonly now: Date
}

async function carryOut({ plan, entry, history, now }: Errand): Promise<void> {
  const { documents, removals, setAside: bad } = plan
  using files = replaceFiles()
  for (const [path, document] of documents) stageJson(files, path, document)
  await files.write()
  const events = [...bad.map(file => damageEvent(file, now)), ...(entry.events ?? [])]
  const isNews = events.length > 0 || entry.run !== undefined || entry.deferred !== undefined
  if (isNews) history.record({ ...entry, events }, now)
  for (const { path, name, replaced } of bad) setAside(path, name, replaced)
  for (const folder of new Set(bad.map(({ path }) => dirname(path)))) syncFolder(folder)
  files.commit()
  removeFiles(removals)
}

/** The journal and the log that people read, kept in step. */
type History = Disposable & {
  readonly record: (entry: Entry, now: Date) => void
}

function openHistory({ journal: path, eventsLog, home }: HomePaths): History {
  let journal: Journal | undefined
  const write = (entry: Entry) => {
    const { events = [] } = entry
    const undo = events.length === 0 ? () => undefined : appendToLog(eventsLog, events)
    try {
      journal ??= openJournal(path)
      journal.record(entry)
    } catch (error) {
      undo()
      throw error
    }
  }
  return {
    record: (entry, now) => {
      try {
        write(entry)
      } catch (error) {
        if (!(error instanceof ClawError) || error.code !== 'damaged-state') throw error
        journal?.[Symbol.dispose]()
        journal = undefined
        const name = keepDamagedJournal(path, home, now)
        const event = damageEvent({ path, name, replaced: true, gatewayId: undefined, error }, now)
        write({ ...entry, events: [event, ...(entry.events ?? [])] })
      }
    },
    [Symbol.dispose]: () => journal?.[Symbol.dispose](),
  }
}

/** The journal with its side files, which belong to it alone. @returns where it is kept */
function keepDamagedJournal(path: string, home: string, now: Date): string {
  const name = asideName(path, now)
  const present = namesIn(home)
  for (const ending of ['-wal', '-shm', '']) {
    if (present.includes(`${basename(path)}${ending}`))
      setAside(`${path}${ending}`, `${name}${ending}`, false)
  }
  return name
}

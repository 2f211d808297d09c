import type { Clock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { idKey } from '../fleet/parse.ts'
import type { FleetChanges } from './fleet-changes.ts'
import { readCandidates, readPeers, readSelf } from './fleet-files.ts'
import type { JournalView } from './journal.ts'
import type { Deferred } from './journal-deferred.ts'
import type { FolderReading } from './record-folder.ts'
import type { FleetStore, PeersChange, PeersReading } from './store.ts'

/** Where a home is, and what time it is there. */
export type JsonFleetParts = { readonly paths: HomePaths; readonly clock: Clock }

/**
 * The fleet in JSON files of a home, with events and run marks in its journal.
 *
 * Reading takes no lock and loads nothing that only writing needs: files are replaced whole, so each is always old
 * or new. Writing holds the lock `store` for the few milliseconds it takes, against this and every other process.
 */
export function openJsonFleet({ paths, clock }: JsonFleetParts): FleetStore {
  let opened: Promise<FleetChanges> | undefined
  const changes = () => (opened ??= openChanges(paths, clock))
  const look = sharedJournal(paths)
  return {
    self: async () => readSelf(paths)?.self,
    saveSelf: async self => void (await (await changes()).fleet(() => ({ self }), true)),
    peers: async () => {
      const { records, damaged } = readPeers(paths)
      return { peers: recordsOf({ records }), damaged: damaged.map(({ error }) => error) }
    },
    changePeers: async change =>
      (await commitRound(await changes(), peers => ({ peers: change(peers), events: [] }))).peers,
    commitRound: async change => commitRound(await changes(), change),
    removePeer: async id => removePeer(await changes(), idKey(id)),
    candidates: async () => recordsOf(readCandidates(paths)),
    saveCandidates: async seen => (await changes()).candidates(seen),
    recordEvents: async events => (await changes()).history({ events }),
    recordRun: async run => (await changes()).history({ run }),
    events: limit => look(journal => journal?.events(limit) ?? []),
    lastRun: program => look(journal => journal?.lastRun(program)),
    pending: () => look(journal => journal?.pending() ?? []),
    addPending: async added => defer(await changes(), { added }),
    removePending: async done => defer(await changes(), { done }),
    revocations: () => look(journal => journal?.revocations() ?? []),
    saveRevocations: async revoked => defer(await changes(), { revoked }),
    [Symbol.asyncDispose]: async () => (await opened)?.[Symbol.dispose](),
  }
}

const openChanges = async (paths: HomePaths, clock: Clock) =>
  (await import('./fleet-changes.ts')).openFleetChanges(paths, clock)

const viewJournal = async ({ journal }: HomePaths) => (await import('./journal.ts')).viewJournal(journal)

/** Looks that are asked for together share one opening of the journal, which is most of what each costs. */
function sharedJournal(paths: HomePaths) {
  let shared: ReturnType<typeof viewJournal> | undefined
  let users = 0
  return async <T>(read: (journal: JournalView | undefined) => T): Promise<T> => {
    shared ??= viewJournal(paths)
    const mine = shared
    users++
    try {
      return read(await mine)
    } finally {
      users--
      if (users === 0) {
        shared = undefined
        await mine.then(
          journal => journal?.[Symbol.dispose](),
          () => undefined,
        )
      }
    }
  }
}

async function defer(changes: FleetChanges, deferred: Deferred): Promise<void> {
  if (Object.values(deferred).some(list => list.length > 0)) await changes.history({ deferred })
}

const recordsOf = <T>({ records }: Pick<FolderReading<T>, 'records'>): readonly T[] =>
  [...records.values()].map(({ record }) => record)

async function commitRound(
  changes: FleetChanges,
  change: Parameters<FleetStore['commitRound']>[0],
): Promise<PeersReading> {
  let wanted: PeersChange = { peers: [], events: [] }
  const damaged = await changes.fleet(peers => {
    wanted = change([...peers.values()])
    return wanted
  })
  return { peers: wanted.peers, damaged }
}

async function removePeer(changes: FleetChanges, key: string): Promise<boolean> {
  let known = false
  await changes.fleet((peers, lost) => {
    known = peers.has(key) || lost.has(key)
    return { forget: key }
  })
  return known
}

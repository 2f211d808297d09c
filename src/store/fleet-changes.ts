import type { Clock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { idKey } from '../fleet/parse.ts'
import { type Candidate, type Peer, parseCandidate } from '../fleet/peer.ts'
import { readCandidates, readSelf } from './fleet-files.ts'
import { type FleetChange, type Plan, peersOf, planOf, readFleet } from './fleet-plan.ts'
import { NO_FILES, openFleetWriter } from './fleet-writer.ts'
import type { Entry } from './journal.ts'
import { type JsonDocument, jsonText } from './json-file.ts'
import { recordPath, recordPaths } from './record-folder.ts'
import { asideName } from './replace-files.ts'
import { MAX_CANDIDATES } from './store.ts'

/** Every way the files of a home change, each one locked and durable step. */
export type FleetChanges = Disposable & {
  /**
   * @param decide  from every enrolled peer to what is to be, quick and pure; `lost` are those whose record is
   *   damaged and known from nowhere else, by `idKey` as all
   * @param replacesSelf  the change carries a new identity, so a damaged old one stops nothing
   * @returns what could not be read and was set aside, one `damaged-state` error each
   */
  readonly fleet: (
    decide: (peers: ReadonlyMap<string, Peer>, lost: ReadonlySet<string>) => FleetChange,
    replacesSelf?: boolean,
  ) => Promise<readonly ClawError[]>
  readonly candidates: (seen: readonly Candidate[]) => Promise<void>
  readonly history: (entry: Entry) => Promise<void>
}

/** Open the changing side of the store; nothing is touched before the first change. */
export function openFleetChanges(paths: HomePaths, clock: Clock): FleetChanges {
  const writer = openFleetWriter(paths, clock)
  return {
    fleet: (decide, replacesSelf = false) =>
      writer.locked(async (commit, now) => {
        const before = readFleet(paths, replacesSelf)
        const peers = peersOf(before)
        const broken = before.damaged.flatMap(({ gatewayId }) =>
          gatewayId === undefined ? [] : idKey(gatewayId),
        )
        const change = decide(peers, new Set(broken.filter(key => !peers.has(key))))
        const plan = planOf({ paths, before, change, now })
        await commit(plan, change.events === undefined ? {} : { events: change.events })
        return plan.setAside.map(afterwards)
      }),
    candidates: seen => writer.locked((commit, now) => commit(candidatesPlan(paths, seen, now))),
    history: entry => writer.locked(commit => commit(NO_FILES, entry)),
    [Symbol.dispose]: () => writer[Symbol.dispose](),
  }
}

function afterwards({ error, name, replaced }: Plan['setAside'][number]): ClawError {
  const hint = replaced
    ? `It was written anew from what is known; the damaged file is kept as "${name}"`
    : `It is kept as "${name}"; enrol that machine again with "claw-setup-ssh add"`
  return new ClawError(error.code, error.message, { cause: error, hint })
}

/**
 * What seeing machines does to the candidates: of more than `MAX_CANDIDATES` the ones not seen for longest go, among
 * equals those known for less. Enrolled machines and this one are passed over, as is what could not be read back.
 */
function candidatesPlan(paths: HomePaths, seen: readonly Candidate[], now: Date): Plan {
  const { records, damaged } = readCandidates(paths)
  const barred = new Set([...recordPaths(paths.peers).keys(), idKey(readSelf(paths)?.self.gatewayId ?? '')])
  const welcome = seen.filter(
    candidate => !barred.has(idKey(candidate.gatewayId)) && canBeReadBack(candidate),
  )
  const all = new Map([...records].map(([key, { record }]) => [key, record]))
  for (const candidate of welcome) all.set(idKey(candidate.gatewayId), candidate)
  const kept = new Map([...all].toSorted(([, a], [, b]) => compareWorth(a, b)).slice(0, MAX_CANDIDATES))
  const onDisk = recordPaths(paths.candidates)
  const documents = [...kept].flatMap(([key, value]): [string, JsonDocument][] => {
    const former = records.get(key)
    if (former !== undefined && jsonText({ value: former.content }) === jsonText({ value })) return []
    return [[onDisk.get(key) ?? recordPath(paths.candidates, value.gatewayId), { value }]]
  })
  const written = new Map(documents)
  const bad = damaged.map(file => ({
    ...file,
    name: asideName(file.path, now),
    replaced: written.has(file.path),
  }))
  const spared = new Set(bad.map(({ path }) => path))
  const removals = [...onDisk].flatMap(([key, path]) => (kept.has(key) || spared.has(path) ? [] : [path]))
  return { documents: written, removals, setAside: bad }
}

/** Candidates come from the network: one that would be damage on disk is no candidate. */
function canBeReadBack(candidate: Candidate): boolean {
  try {
    parseCandidate(JSON.parse(JSON.stringify(candidate)), candidate.gatewayId)
    return true
  } catch (error) {
    if (error instanceof ClawError) return false
    throw error
  }
}

/** The more recently seen first, then the longer known. */
function compareWorth(a: Candidate, b: Candidate): number {
  return time(b.lastSeen) - time(a.lastSeen) || time(a.discoveredAt) - time(b.discoveredAt)
}

const time = (text: string): number => Date.parse(text) || 0

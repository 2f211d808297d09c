import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import type { FleetEvent } from '../fleet/event.ts'
import { type Identity, parseIdentity, publicPart } from '../fleet/identity.ts'
import { manifestOf, peersInManifest } from '../fleet/manifest.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import { type Peer, parsePeer } from '../fleet/peer.ts'
import { keepingUnknown, ownUserOf, readPeers, readSelf, type SelfFile } from './fleet-files.ts'
import { type JsonDocument, jsonText, readJson } from './json-file.ts'
import { type DamagedFile, type RecordFile, recordPath, recordPaths } from './record-folder.ts'
import { asideName } from './replace-files.ts'
import { readWholeFile } from './whole-file.ts'

/** The fleet as its files say while nobody else can write. */
export type LockedFleet = {
  readonly self: SelfFile | undefined
  /** By `idKey`, as are the others. */
  readonly files: ReadonlyMap<string, RecordFile<Peer>>
  readonly damaged: readonly DamagedFile[]
  /** Peers whose own file is damaged, as the manifest has them; never probed. */
  readonly restored: ReadonlyMap<string, Peer>
}

/** What is to become of the fleet. */
export type FleetChange = {
  readonly self?: Identity
  /** To write; a new id enrols a peer. */
  readonly peers?: readonly Peer[]
  /** `idKey` of the peer to remove. */
  readonly forget?: string
  readonly events?: readonly FleetEvent[]
}

/** Everything one step does to the disk. */
export type Plan = {
  /** To write, by path. */
  readonly documents: ReadonlyMap<string, JsonDocument>
  readonly removals: readonly string[]
  /** Damaged files: where each is kept, and whether a good one takes its place. */
  readonly setAside: readonly (DamagedFile & { readonly name: string; readonly replaced: boolean })[]
}

/**
 * Read all there is, and find in `fleet.json` the peers whose own file is damaged.
 *
 * @param replacesSelf  a damaged `state.json` is about to be replaced, so it stops nothing
 * @throws {ClawError} `damaged-state` for `state.json`; `store-unavailable`
 */
export function readFleet(paths: HomePaths, replacesSelf: boolean): LockedFleet {
  const self = replacesSelf ? unlessDamaged(() => readSelf(paths)) : readSelf(paths)
  const { records, damaged } = readPeers(paths)
  const known = damaged.length === 0 ? undefined : unlessDamaged(() => readManifest(paths))
  const restored = damaged.flatMap(({ gatewayId }) => {
    const key = gatewayId === undefined ? '' : idKey(gatewayId)
    const peer = records.has(key) ? undefined : known?.get(key)
    return peer === undefined || peer.gatewayId === self?.self.gatewayId ? [] : [[key, peer] as const]
  })
  return { self, files: records, damaged, restored: new Map(restored) }
}

/** Every enrolled peer, by `idKey`. */
export const peersOf = ({ files, restored }: LockedFleet): ReadonlyMap<string, Peer> =>
  new Map([...[...files].map(([key, { record }]) => [key, record] as const), ...restored])

function readManifest(paths: HomePaths): ReadonlyMap<string, Peer> | undefined {
  const content = readJson(paths.fleet)
  return content === undefined ? undefined : peersInManifest(content, `"${paths.fleet}"`, ownUserOf(paths))
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ClawError && error.code === 'damaged-state') return undefined
    throw error
  }
}

export type Planning = {
  readonly paths: HomePaths
  readonly before: LockedFleet
  readonly change: FleetChange
  readonly now: Date
}

/**
 * Work out what a change does to the files: those of the peers and of this machine, those that follow from them
 * (`fleet.json`, `identity.json`), the candidates it makes peers of, and the repair of what is damaged.
 *
 * @throws {ClawError} `damaged-state` for a record that could not be read back
 */
export function planOf({ paths, before, change, now }: Planning): Plan {
  const { forget } = change
  const changed = new Map(change.peers?.map(peer => [idKey(peer.gatewayId), peer]))
  const after = new Map([...peersOf(before), ...changed])
  const restored = new Map(before.restored)
  if (forget !== undefined) {
    after.delete(forget)
    restored.delete(forget)
  }
  const documents = new Map([
    ...peerDocuments(paths, before, new Map([...restored, ...changed])),
    ...selfDocuments({ paths, before, change }, [...after.values()]),
  ])
  const forgotten = forget === undefined ? undefined : before.files.get(forget)?.path
  const enrolled = [...changed.keys()].filter(key => !before.files.has(key))
  const noCandidates = enrolled.length === 0 ? [] : candidatePaths(paths, enrolled)
  return {
    documents,
    removals: [...(forgotten === undefined ? [] : [forgotten]), ...noCandidates],
    setAside: [...before.damaged, ...damagedAmong(documents, paths)].map(file => ({
      ...file,
      name: asideName(file.path, now),
      replaced: documents.has(file.path),
    })),
  }
}

type Documents = readonly (readonly [path: string, document: JsonDocument])[]

function peerDocuments(paths: HomePaths, before: LockedFleet, peers: ReadonlyMap<string, Peer>): Documents {
  return [...peers].flatMap(([key, peer]): Documents => {
    const file = before.files.get(key)
    const broken = before.damaged.find(({ gatewayId }) => gatewayId !== undefined && idKey(gatewayId) === key)
    const path = file?.path ?? broken?.path ?? recordPath(paths.peers, peer.gatewayId)
    const document = { value: keepingUnknown.peer(peer, file?.content) }
    const text = jsonText(document)
    if (file !== undefined && text === jsonText({ value: file.content })) return []
    parsePeer(JSON.parse(text), `"${path}"`, '') // what could not be read back is not written
    return [[path, document]]
  })
}

function selfDocuments(
  { paths, before, change }: Pick<Planning, 'paths' | 'before' | 'change'>,
  peers: readonly Peer[],
): Documents {
  const changed = change.self
  const self = changed ?? before.self?.self
  const documents: [string, JsonDocument][] = [[paths.fleet, { value: manifestOf(self, peers) }]]
  if (self !== undefined) documents.push([paths.identity, { value: publicPart(self), oneLine: true }])
  if (changed !== undefined) {
    const document = { value: keepingUnknown.self(changed, before.self?.content) }
    parseIdentity(JSON.parse(jsonText(document)), `"${paths.state}"`)
    documents.push([paths.state, document])
  }
  return documents.filter(
    ([path, document]) => unlessDamaged(() => readWholeFile(path)) !== jsonText(document),
  )
}

function candidatePaths(paths: HomePaths, keys: readonly string[]): readonly string[] {
  const files = recordPaths(paths.candidates)
  return keys.flatMap(key => files.get(key) ?? [])
}

/** Files that are about to be replaced although they hold something that was never ours. */
function damagedAmong(
  documents: ReadonlyMap<string, JsonDocument>,
  paths: HomePaths,
): readonly DamagedFile[] {
  return [paths.state, paths.identity, paths.fleet]
    .filter(path => documents.has(path))
    .flatMap(path => {
      try {
        if (path === paths.state) readSelf(paths)
        else readJson(path)
        return []
      } catch (error) {
        if (!(error instanceof ClawError) || error.code !== 'damaged-state') throw error
        return [{ path, gatewayId: undefined, error }]
      }
    })
}

/** What to record of damaged files, and to tell the caller. */
export function damageEvent(
  { path, gatewayId, name, replaced }: Plan['setAside'][number],
  now: Date,
): FleetEvent {
  const id: { readonly gatewayId?: GatewayId } = gatewayId === undefined ? {} : { gatewayId }
  return {
    timestamp: now.toISOString(),
    event: 'state_damaged',
    ...id,
    data: { path, keptAs: name, replaced },
  }
}

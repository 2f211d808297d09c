import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { type Identity, parseIdentity } from '../fleet/identity.ts'
import { type Candidate, type Peer, parseCandidate, parsePeer } from '../fleet/peer.ts'
import { type JsonObject, readJson } from './json-file.ts'
import { type FolderReading, readFolder, recordPaths } from './record-folder.ts'

/** This machine's `state.json`: what it says, and as it is on disk. */
export type SelfFile = { readonly content: JsonObject; readonly self: Identity }

/** @returns undefined before the first setup. @throws {ClawError} `damaged-state`, `store-unavailable` */
export function readSelf({ state }: Pick<HomePaths, 'state'>): SelfFile | undefined {
  const content = withHint(STATE_HINT, () => readJson(state))
  return content === undefined
    ? undefined
    : { content, self: withHint(STATE_HINT, () => parseIdentity(content, `"${state}"`)) }
}

const STATE_HINT = 'Run "claw-setup": it sets that file aside and learns again what it can'

function withHint<T>(hint: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (!(error instanceof ClawError) || error.hint !== undefined) throw error
    throw new ClawError(error.code, error.message, { cause: error, hint })
  }
}

/** Every enrolled peer. A peer without a login name has ours, as the bash version did. */
export function readPeers(paths: Pick<HomePaths, 'state' | 'peers'>): FolderReading<Peer> {
  const ownUser = ownUserOf(paths)
  return readFolder(paths.peers, (content, source) => parsePeer(content, source, ownUser))
}

/** Our login name; empty where it cannot be known, which must not hide the peers. */
export function ownUserOf(paths: Pick<HomePaths, 'state'>): string {
  try {
    return readSelf(paths)?.self.sshUser ?? ''
  } catch (error) {
    if (error instanceof ClawError && error.code === 'damaged-state') return ''
    throw error
  }
}

/** Every machine seen and not enrolled. */
export function readCandidates(paths: Pick<HomePaths, 'peers' | 'candidates'>): FolderReading<Candidate> {
  const { records, damaged } = readFolder(paths.candidates, parseCandidate)
  const enrolled = recordPaths(paths.peers)
  return { records: new Map([...records].filter(([key]) => !enrolled.has(key))), damaged }
}

const IDENTITY_KEYS: Readonly<Record<string, true>> = {
  gatewayId: true,
  name: true,
  leadNumber: true,
  ip: true,
  sshUser: true,
  sshPort: true,
  version: true,
  registeredAt: true,
  githubRepo: true,
  incarnation: true,
  clanKey: true,
  mayBeAway: true,
  remoteInstalled: true,
  installedBy: true,
} satisfies Record<keyof Identity, true>

const PEER_KEYS: Readonly<Record<string, true>> = {
  gatewayId: true,
  name: true,
  leadNumber: true,
  ip: true,
  sshUser: true,
  sshPort: true,
  status: true,
  lastSeen: true,
  lastPingAttempt: true,
  missedPings: true,
  sshConnectivity: true,
  clawClanInstalled: true,
  mdnsBroadcasting: true,
  hostKey: true,
  clanKey: true,
  responseMs: true,
  reason: true,
  version: true,
  incarnation: true,
  discoveredAt: true,
  addedManually: true,
  mayBeAway: true,
  oneWay: true,
  legacyKey: true,
  sshAlias: true,
} satisfies Record<keyof Peer, true>

/**
 * What to write for a machine: its facts, always in the same order, and every key on disk that this version does not
 * know.
 */
export const keepingUnknown = {
  self: (self: Identity, onDisk: JsonObject | undefined) => inOrder(IDENTITY_KEYS, self, onDisk),
  peer: (peer: Peer, onDisk: JsonObject | undefined) => inOrder(PEER_KEYS, peer, onDisk),
}

function inOrder(
  keys: Readonly<Record<string, true>>,
  facts: JsonObject,
  onDisk: JsonObject = {},
): JsonObject {
  const unknown = Object.entries({ ...onDisk, ...facts }).filter(([key]) => !Object.hasOwn(keys, key))
  const known = Object.keys(keys).flatMap(key =>
    Object.hasOwn(facts, key) ? [[key, facts[key]] as const] : [],
  )
  return Object.fromEntries([...known, ...unknown])
}

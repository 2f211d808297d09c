import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { type Identity, parsePublicIdentity } from '../fleet/identity.ts'
import { idKey, isGatewayId } from '../fleet/parse.ts'
import { stored } from '../fleet/stored.ts'
import { type JsonObject, readJson } from './json-file.ts'
import { recordPaths } from './record-folder.ts'
import { readWholeFile } from './whole-file.ts'

/** What is still known of this machine's identity, and the files that say so. */
export type LostIdentity = { readonly known: Partial<Identity>; readonly sources: readonly string[] }

/**
 * What a home says of its own machine beside `state.json`, for when that file is damaged: `identity.json` first, then
 * this machine's entry in `fleet.json`, then the id in the comment of the clan key. Damaged ones are passed over.
 *
 * @returns nothing known, and no sources, where none of them helps
 * @throws {ClawError} `store-unavailable`
 */
export function lostIdentity(paths: HomePaths): LostIdentity {
  const fromIdentity = unlessDamaged(() => {
    const content = readJson(paths.identity)
    return content === undefined ? undefined : parsePublicIdentity(content, `"${paths.identity}"`)
  })
  const id = fromIdentity?.gatewayId ?? keyComment(paths)
  const entry = unlessDamaged(() => ownEntry(paths, id))
  const fromFleet = entry === undefined ? undefined : unlessDamaged(() => parsePublicIdentity(entry, 'it'))
  const known: Partial<Identity> = {
    ...(id === undefined ? {} : { gatewayId: id }),
    ...fromFleet,
    ...(entry === undefined || stored.text(entry.ip) === '' ? {} : { ip: stored.text(entry.ip) }),
    ...fromIdentity,
  }
  const sources = [
    ...(fromIdentity === undefined ? [] : [paths.identity]),
    ...(fromFleet === undefined ? [] : [paths.fleet]),
    ...(fromIdentity === undefined && fromFleet === undefined && id !== undefined
      ? [`${paths.clanKey}.pub`]
      : []),
  ]
  return { known, sources }
}

/** The entry of `fleet.json` with this id; without one the entry that is no peer of ours. */
function ownEntry(paths: HomePaths, id: string | undefined): JsonObject | undefined {
  const instances = readJson(paths.fleet)?.instances
  const entries: readonly unknown[] = Array.isArray(instances) ? instances : []
  const peers = recordPaths(paths.peers)
  return entries.filter(isObject).find(({ gatewayId, hostKey }) => {
    if (typeof gatewayId !== 'string') return false
    if (id !== undefined) return idKey(gatewayId) === idKey(id)
    return hostKey === undefined && !peers.has(idKey(gatewayId))
  })
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The clan key was made with the comment `claw-clan:<gateway id>`. */
function keyComment(paths: HomePaths) {
  const text = unlessDamaged(() => readWholeFile(`${paths.clanKey}.pub`)) ?? ''
  const id = /\sclaw-clan:(\S+)\s*$/.exec(text)?.[1] ?? ''
  return isGatewayId(id) ? id : undefined
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ClawError && (error.code === 'damaged-state' || error.code === 'bad-answer'))
      return undefined
    throw error
  }
}

import { ClawError } from '../fleet/error.ts'
import { DEFAULT_SETTINGS, readSettings, type Settings } from '../fleet/settings.ts'
import { openFleetWriter } from './fleet-writer.ts'
import { type JsonObject, jsonText, readJson } from './json-file.ts'
import type { JsonFleetParts } from './json-fleet.ts'

// What an owner is most likely to change; everything else has its default without being written down.
const MAIN_SETTINGS = [
  'backend',
  'pingIntervalMinutes',
  'offlineThresholdPings',
  'monitorIntervalMinutes',
] as const

/**
 * Write `config.json` with the main settings where there is none.
 *
 * @returns true when it was written
 * @throws {ClawError} `store-unavailable`
 */
export async function ensureSettingsFile(home: JsonFleetParts): Promise<boolean> {
  const main = Object.fromEntries(MAIN_SETTINGS.map(key => [key, DEFAULT_SETTINGS[key]]))
  return await rewrite(home, content => content ?? main)
}

/**
 * Change some settings in `config.json`. Every other key stays, those that only another version knows included.
 *
 * @param changes  new values by dotted key, `{ 'postgres.port': 5433 }`
 * @returns true when anything was new
 * @throws {ClawError} `bad-settings` for a value that is not allowed, and for a file that is no JSON object: it is
 *   then left as it is; `store-unavailable`
 */
export async function changeSettings(home: JsonFleetParts, changes: Partial<Settings>): Promise<boolean> {
  const wanted = Object.entries(changes)
  const [problem] = readSettings(wanted.reduce(withSetting, {}), home.paths.config, {}).problems
  if (problem !== undefined) throw problem
  return await rewrite(home, content => wanted.reduce(withSetting, content ?? {}))
}

/** Why `config.json` cannot be changed: it is no JSON object. Undefined where it can, or is not there yet. */
export function settingsTrouble(path: string): ClawError | undefined {
  try {
    readSettingsObject(path)
    return undefined
  } catch (error) {
    if (error instanceof ClawError) return error
    throw error
  }
}

function withSetting(content: JsonObject, [key, value]: readonly [string, unknown]): JsonObject {
  const [group = '', inner] = key.split('.')
  if (inner === undefined) return { ...content, [key]: value }
  const former = content[group]
  const known = typeof former === 'object' && former !== null ? former : {}
  return { ...content, [group]: { ...known, [inner]: value } }
}

async function rewrite(
  { paths, clock }: JsonFleetParts,
  change: (content: JsonObject | undefined) => JsonObject,
) {
  using writer = openFleetWriter(paths, clock)
  return await writer.locked(async commit => {
    const before = readSettingsObject(paths.config)
    const value = change(before)
    if (before !== undefined && jsonText({ value }) === jsonText({ value: before })) return false
    await commit({ documents: new Map([[paths.config, { value }]]), removals: [], setAside: [] })
    return true
  })
}

function readSettingsObject(path: string): JsonObject | undefined {
  try {
    return readJson(path)
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'damaged-state') throw error
    throw new ClawError('bad-settings', error.message, { cause: error, hint: `Correct or remove "${path}"` })
  }
}

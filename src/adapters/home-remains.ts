import { lstatSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, parse } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { isGatewayId } from '../fleet/parse.ts'
import { launchersIn } from './gate.ts'
import type { HomePaths } from './home-paths.ts'
import { reasonOf } from './version-content.ts'

/** What every home may hold beside its programs, by the first part of the name; the rest is the owner's. */
const DATA = [
  ...[
    'state.json',
    'identity.json',
    'config.json',
    'config.yaml',
    'config.yml',
    'fleet.json',
    'known_hosts',
    'journal.db',
  ],
  ...['peers', 'candidates', 'keys', 'logs', 'locks', 'backups', 'hub', 'agents', 'migrations'],
  ...['skills-shared', 'skills-cache', 'operator'],
]

/** Programs, as names below the home. */
const PROGRAMS = ['current', 'versions', 'node']

/**
 * Is this folder a home of ours? A wrong `--home` must not cost the owner a folder called `logs`.
 *
 * @returns false for `/`, the user's own home, and a folder without any file that only we write
 */
export function isClanHome({ home, state, identity, versions, bin, clanKey }: HomePaths): boolean {
  if (home === parse(home).root || home === homedir()) return false
  const signs = [state, identity, clanKey, join(versions, 'install.json')]
  return signs.some(isThere) || launchersIn(bin).length > 0
}

/** This machine's id, from whichever file of a damaged home still says it; undefined when none does. */
export const idOfHome = ({ state, identity }: HomePaths): string | undefined =>
  [state, identity]
    .map(file => /"gatewayId"\s*:\s*"([^"\\]{1,64})"/.exec(textOf(file))?.[1])
    .find(id => id !== undefined && isGatewayId(id))

/** Ids of enrolled peers, by the names of their files: damaged ones count too. */
export const peersOfHome = ({ peers }: Pick<HomePaths, 'peers'>): readonly string[] =>
  namesIn(peers)
    .filter(name => name.endsWith('.json'))
    .map(name => name.slice(0, -'.json'.length))
    .filter(isGatewayId)

/** Paths of the installed programs: versions, launchers, a node of our own. */
export const programsOfHome = ({ home, bin }: Pick<HomePaths, 'home' | 'bin'>): readonly string[] => [
  ...PROGRAMS.map(name => join(home, name)).filter(isThere),
  ...launchersIn(bin),
]

/**
 * Paths of everything else that is ours: identity, keys, peers, settings, logs. What a home is known by comes last: a
 * run that is cut off can be repeated.
 */
export function dataOfHome({ home }: Pick<HomePaths, 'home'>): readonly string[] {
  const names = namesIn(home).filter(name => DATA.some(known => name === known || isVariant(name, known)))
  const isSign = (name: string) => name === 'state.json'
  return [...names.filter(name => !isSign(name)), ...names.filter(isSign)].map(name => join(home, name))
}

/** `state.json.corrupt-...`, `journal.db-wal`, `known_hosts.<nonce>.tmp`: made by us, of a file of ours. */
const isVariant = (name: string, known: string): boolean =>
  name.startsWith(known) && /^(?:-wal|-shm|-journal|\.corrupt-.+|\..*tmp)$/.test(name.slice(known.length))

/**
 * Remove files and folders of ours, and then the folders around them that are empty.
 *
 * @throws {ClawError} `store-unavailable` naming the first path that stays; what came before it is gone
 */
export function removePaths(paths: readonly string[], folders: readonly string[]): void {
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true })
    } catch (cause) {
      throw new ClawError('store-unavailable', `Cannot remove "${path}": ${reasonOf(cause)}`, { cause })
    }
  }
  for (const folder of folders) removeIfEmpty(folder)
}

/** @returns whether the folder is gone */
export function removeIfEmpty(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !isThere(folder)
  }
}

/** What is left in a folder, by name; none when it is gone. */
export const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

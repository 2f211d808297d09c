import { lstatSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { isGatewayId } from '../fleet/parse.ts'
import { launchersIn } from './gate.ts'
import type { HomePaths } from './home-paths.ts'
import { openClawState } from './openclaw.ts'
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
 * Is this folder a home of ours? A wrong `--home` must not cost the owner folders called `keys` or `logs`.
 *
 * @returns false for a folder that cannot be ours alone, and one without any file that only we write: another program
 *   may have a `state.json` too
 */
export function isClanHome(paths: HomePaths): boolean {
  if (isSharedFolder(paths.home)) return false
  const { state, identity, clanKey, versions, bin, locks } = paths
  return (
    [state, identity].some(file => textOf(file).includes('"gatewayId"')) ||
    textOf(`${clanKey}.pub`).includes(' claw-clan:') ||
    [join(versions, 'install.json'), join(locks, 'store.db'), join(locks, 'install.db')].some(isThere) ||
    launchersIn(bin).length > 0
  )
}

/** `/`, the user's home and what lies above it, and OpenClaw's state folder, by whatever path: each holds more than us. */
export function isSharedFolder(home: string): boolean {
  const real = realOf(home)
  const above = real.endsWith(sep) ? real : `${real}${sep}`
  return `${realOf(homedir())}${sep}`.startsWith(above) || real === realOf(openClawState())
}

/** Where a path leads; itself where that is nowhere yet. */
function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
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
  const isSign = (name: string) => name === 'locks' || name === 'state.json'
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

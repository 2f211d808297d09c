import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import {
  MANAGED_NODES,
  NODE_FLOOR,
  OWN_NODES,
  STABLE_NODES,
  usableNodeVersion,
} from '../fleet/node-places.ts'
import { quoteValue } from '../fleet/text.ts'
import type { HomePaths } from './home-paths.ts'
import { newNonce } from './ids.ts'
import { runProgram } from './process.ts'
import { reasonOf } from './version-content.ts'

/** A node to start our programs with. */
export type FoundNode = {
  /** Absolute; where `copyOf` is given, the place it is yet to be copied to. */
  readonly path: string
  readonly version: string
  readonly copyOf?: string
}

export type NodeSearch = {
  readonly paths: Pick<HomePaths, 'home' | 'node'>
  /** The owner's choice: nothing else is looked at. */
  readonly given?: string | undefined
  /** Folders that may vanish, and no node is taken from: the clone. */
  readonly avoid?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Looked at first; `STABLE_NODES` when absent. */
  readonly stable?: readonly string[]
}

/** More than a machine has; each costs a process. */
const MAX_CANDIDATES = 24
/** A shim that downloads something, or a node on a dead network disk, must not hold us. */
const VERSION_TIMEOUT_MS = 5_000

/**
 * A node of at least `NODE_FLOOR` that stays where it is: of the system's packages, else of PATH, else of a version
 * manager, newest first, else one of our own, copied from the node that runs us. Never one below `node_modules` or a
 * folder to avoid, links followed: those go with their clone.
 *
 * Only looks; `keepNode` makes the copy.
 *
 * @throws {ClawError} `bad-input` for a given node that is too old or none
 */
export async function findNode(search: NodeSearch): Promise<FoundNode> {
  const { given } = search
  if (given !== undefined) return givenNode(given)
  for (const path of candidates(search).slice(0, MAX_CANDIDATES)) {
    const version = await versionOf(path)
    if (version !== undefined) return { path, version }
  }
  const version = process.versions.node
  return { path: join(search.paths.node, version, 'bin', 'node'), version, copyOf: process.execPath }
}

/**
 * Make the copy that `findNode` planned, whole or not at all.
 *
 * @throws {ClawError} `store-unavailable`
 */
export function keepNode({ path, copyOf }: FoundNode): void {
  if (copyOf === undefined) return
  const temporary = `${path}.${newNonce().slice(0, 16)}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    removeHalfCopies(path)
    copyFileSync(copyOf, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    chmodSync(temporary, 0o700)
    syncFile(temporary)
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new ClawError('store-unavailable', `Cannot copy node to "${path}": ${reasonOf(cause)}`, { cause })
  }
}

/** What a killed run left takes 100 MB, and only one run at a time installs in a home. */
function removeHalfCopies(path: string): void {
  const isHalf = (name: string) => name.startsWith(`${basename(path)}.`) && /\.[0-9a-f]{16}\.tmp$/.test(name)
  for (const name of readdirSync(dirname(path)).filter(isHalf))
    rmSync(join(dirname(path), name), { force: true })
}

/**
 * Remove copies of node in the home but one: the one in use, else the newest, which launchers fall back on. A program
 * that runs from one goes on.
 */
export function tidyNodes({ home, node }: Pick<HomePaths, 'home' | 'node'>, used: string): void {
  const copies = matches(home, OWN_NODES)
  const whole = copies.filter(isExecutable)
  const kept = whole.includes(used) ? used : whole[0]
  for (const copy of copies.filter(path => path !== kept))
    rmSync(join(node, relative(node, copy).split(sep)[0] ?? ''), { recursive: true, force: true })
}

async function givenNode(path: string): Promise<FoundNode> {
  const version = isAbsolute(path) ? await versionOf(path) : undefined
  if (version !== undefined) return { path, version }
  throw new ClawError(
    'bad-input',
    `Cannot use ${quoteValue(path)} for --node: it must be the absolute path of a Node >= ${NODE_FLOOR}`,
  )
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    const options = { timeoutMs: VERSION_TIMEOUT_MS, env: { NODE_OPTIONS: undefined } }
    const { code, stdout } = await runProgram(path, ['--version'], options)
    return code === 0 ? usableNodeVersion(stdout) : undefined
  } catch (error) {
    if (error instanceof ClawError) return undefined
    throw error
  }
}

/** Every place worth asking, best first, each file once. */
function candidates({
  paths,
  avoid = [],
  env = process.env,
  stable = STABLE_NODES,
}: NodeSearch): readonly string[] {
  const user = homedir()
  const inPath = (env.PATH ?? '')
    .split(':')
    .filter(isAbsolute)
    .map(folder => join(folder, 'node'))
  // What a manager puts into PATH may live as long as the shell: what it points to is what stays.
  const behind = inPath
    .map(behindLinks)
    .filter(path => basename(path) === 'node' && !path.includes('/shims/'))
  const all = [
    ...stable,
    ...inPath.filter(path => !isBelow(path, user) && !isPassing(path)),
    ...[...behind, process.execPath].filter(path => isBelow(path, user) || !isPassing(path)),
    ...MANAGED_NODES.flatMap(pattern => matches(user, pattern)),
    ...matches(paths.home, OWN_NODES),
  ]
  return [...new Set(all)].filter(path => isExecutable(path) && isAllowed(path, avoid))
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}${sep}`)
const isPassing = (path: string): boolean => /^\/(?:run|tmp|var\/folders|private)\//.test(path)

function isAllowed(path: string, avoid: readonly string[]): boolean {
  const real = behindLinks(path)
  const folders = avoid.flatMap(folder => [folder, behindLinks(folder)])
  return ![path, real].some(
    each => each.includes('/node_modules/') || folders.some(folder => isBelow(each, folder)),
  )
}

function behindLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function isExecutable(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0
}

/** Files of a pattern with at most one `*`, which is a whole name; the newest version first. */
function matches(folder: string, pattern: string): readonly string[] {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return [join(folder, pattern)]
  try {
    return readdirSync(join(folder, before))
      .filter(name => !name.startsWith('.'))
      .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map(name => join(folder, before, name, after))
  } catch {
    return []
  }
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

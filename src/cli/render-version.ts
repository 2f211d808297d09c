import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Activation, Links } from '../actions/make-current.ts'
import type { renewAnnouncing } from '../actions/renew-announcing.ts'
import { systemClock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { isOnPath } from '../adapters/launcher-files.ts'
import { askPresence } from '../adapters/presence.ts'
import { ClawError } from '../fleet/error.ts'
import { shellQuote } from '../fleet/remote.ts'
import { printable } from '../fleet/text.ts'
import { PROGRAM } from './announcer-order.ts'

/** What a change of version prints as JSON. */
export type ActivationDocument = Activation & {
  readonly home: string
  /** The line that puts the links on PATH; null when they are, or there are none. */
  readonly pathLine: string | null
  /** Programs that ran from the version of before, and were started anew. */
  readonly restarted: readonly string[]
  /** Commands that start anew what still runs from the version of before. */
  readonly restart: readonly string[]
}

/** Started anew by this: what our own service kept running while the version changed. */
export async function activationDocument(
  activation: Activation,
  paths: HomePaths,
  renew: typeof renewAnnouncing,
): Promise<ActivationDocument> {
  const folder = activation.links.find(({ made, kept }) => made.length + kept.length > 0)?.folder
  const pathLine = folder === undefined || isOnPath(folder) ? null : exportLine(folder)
  const isOther = activation.previous !== null && activation.previous !== activation.version
  const left = isOther && !activation.dryRun ? await renewed(paths, renew) : { restarted: [], restart: [] }
  return { ...activation, home: paths.home, pathLine, ...left }
}

async function renewed(
  paths: HomePaths,
  renew: typeof renewAnnouncing,
): Promise<Pick<ActivationDocument, 'restarted' | 'restart'>> {
  if ((await askPresence(paths.locks, PROGRAM)) === undefined) return { restarted: [], restart: [] }
  const { stopAnnouncingDeps } = await import('./keep-announced-deps.ts')
  try {
    const deps = await stopAnnouncingDeps({ paths, clock: systemClock })
    if (await renew(deps)) return { restarted: [PROGRAM], restart: [] }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
  }
  return { restarted: [], restart: [`${PROGRAM} restart`] }
}

/** Text for people: what is in use now, what was done, what was left alone, what is to do. */
export function renderActivation(done: ActivationDocument): string {
  const { version, previous, node, launchers, links, skills, pruned, dryRun } = done
  const would = dryRun ? 'Would be' : 'Now'
  const before = previous === null ? '' : previous === version ? ', as before' : ` (before: ${previous})`
  const copied = node.copied ? ', a copy' : ''
  const wrote = [...launchers.written.map(() => 'written'), ...launchers.removed.map(() => 'removed')]
  return [
    `${would} at ${version}${before}`,
    `  node      ${shortPath(node.path)} (${node.version}${copied})`,
    `  programs  ${shortPath(join(done.home, 'bin'))}${wrote.length === 0 ? ', unchanged' : `: ${tally(wrote)}`}`,
    ...links.map(change => `  links     ${linkLine(change)}`),
    ...skills.map(change => `  skills    ${linkLine(change)}`),
    ...(pruned.length === 0 ? [] : [`  old       removed ${pruned.join(', ')}`]),
    ...foreignLines([...links, ...skills]),
    ...done.restarted.map(name => `  restarted ${name}`),
    ...done.restart.map(line => `Still to be started anew: ${line}`),
    ...done.warnings.map(line => `Not done: ${printable(line)}`),
    ...(done.pathLine === null
      ? []
      : ["Add this line to your shell's start file:", `  ${printable(done.pathLine)}`]),
  ].join('\n')
}

function linkLine({ folder, made, removed, kept }: Links): string {
  const parts = [
    ...made.map(() => 'made'),
    ...removed.map(() => 'removed'),
    ...(made.length + removed.length === 0 ? kept.map(() => 'unchanged') : []),
  ]
  return `${shortPath(folder)}: ${parts.length === 0 ? 'none' : tally(parts)}`
}

/** `3 made, 1 removed` */
const tally = (words: readonly string[]): string =>
  [...new Set(words)].map(word => `${words.filter(each => each === word).length} ${word}`).join(', ')

function foreignLines(changes: readonly Links[]): readonly string[] {
  const paths = changes.flatMap(({ folder, foreign }) => foreign.map(name => join(folder, name)))
  if (paths.length === 0) return []
  return [
    'Not ours, left as it is; move it away and run "claw-setup activate" for ours:',
    ...paths.map(path => `  ${shortPath(path)}`),
  ]
}

/** A path as people write it: the home is `~`. */
function shortPath(path: string): string {
  const home = homedir()
  return printable(path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path)
}

/** For the start file of any POSIX shell. */
function exportLine(folder: string): string {
  const home = homedir()
  const isPlain = /^[\w@%+=:,./-]+$/.test(folder)
  if (!isPlain) return `export PATH=${shellQuote(folder)}:"$PATH"`
  const short = folder.startsWith(`${home}/`) ? `$HOME${folder.slice(home.length)}` : folder
  return `export PATH="${short}:$PATH"`
}

import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Activation, Links } from '../actions/make-current.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { isOnPath } from '../adapters/launcher-files.ts'
import { askPresence } from '../adapters/presence.ts'
import { shellQuote } from '../fleet/remote.ts'
import { printable } from '../fleet/text.ts'
import { PROGRAM } from './announcer-order.ts'

/** What a change of version prints as JSON. */
export type ActivationDocument = Activation & {
  readonly home: string
  /** The line that puts the links on PATH; null when they are, or there are none. */
  readonly pathLine: string | null
  /** Commands that start anew what still runs from the version of before. */
  readonly restart: readonly string[]
}

export async function activationDocument(
  activation: Activation,
  { home, locks }: Pick<HomePaths, 'home' | 'locks'>,
): Promise<ActivationDocument> {
  const folder = activation.links.find(({ made, kept }) => made.length + kept.length > 0)?.folder
  const pathLine = folder === undefined || isOnPath(folder) ? null : exportLine(folder)
  const isOther = activation.previous !== null && activation.previous !== activation.version
  const announcer = isOther ? await askPresence(locks, PROGRAM) : undefined
  return { ...activation, home, pathLine, restart: announcer === undefined ? [] : ['claw-register restart'] }
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
    ...done.restart.map(line => `Still runs from the version of before: ${line}`),
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

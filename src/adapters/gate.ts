import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { gateText, LAUNCHER_MARK, launcherText } from '../fleet/launcher.ts'
import { quoteValue } from '../fleet/text.ts'
import type { HomePaths } from './home-paths.ts'
import { replaceFile } from './whole-file.ts'

/** What to start: program name without `claw-` to the absolute path of its script. */
export type LauncherPlan = {
  readonly paths: Pick<HomePaths, 'home' | 'bin' | 'identity'>
  /** Absolute path of node. */
  readonly node: string
  readonly programs: Readonly<Record<string, string>>
}

/** A file in `bin`, and the text it is to have. */
export type LauncherChange = {
  readonly written: readonly { readonly path: string; readonly text: string }[]
  /** Launchers of ours whose program is no longer there. */
  readonly removed: readonly string[]
}

/**
 * Write `bin/claw-<name>` for every program, each replaced whole, mode 0700; `peer` becomes the gate. What else lies
 * in `bin` stays. Nothing is written unless all of the plan is allowed.
 *
 * @returns absolute paths of what was written
 * @throws {ClawError} `bad-input` for a path that is not absolute or an odd name; `store-unavailable`
 */
export function writeLaunchers(plan: LauncherPlan): readonly string[] {
  const written = launcherTexts(plan)
  applyLaunchers(plan.paths.bin, { written, removed: [] })
  return written.map(({ path }) => path)
}

/** What `bin` lacks to hold exactly the launchers of this plan; what we did not write is not looked at. */
export function planLaunchers(plan: LauncherPlan): LauncherChange {
  const wanted = launcherTexts(plan)
  const names = entriesOf(plan.paths.bin).filter(name => name.startsWith('claw-'))
  const paths = names.map(name => join(plan.paths.bin, name))
  return {
    written: wanted.filter(({ path, text }) => !isAsWritten(path, text)),
    removed: paths.filter(path => isLauncher(path) && !wanted.some(each => each.path === path)),
  }
}

/** @throws {ClawError} `store-unavailable` */
export function applyLaunchers(bin: string, { written, removed }: LauncherChange): void {
  try {
    if (written.length > 0) mkdirSync(bin, { recursive: true, mode: 0o700 })
    for (const { path, text } of written) replaceFile(path, text, 0o700)
    for (const path of removed) rmSync(path, { force: true })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ClawError('store-unavailable', `Cannot write the launchers in "${bin}": ${why}`, { cause })
  }
}

/** Every launcher of ours in a folder, by what is written in it. */
export const launchersIn = (bin: string): readonly string[] =>
  entriesOf(bin)
    .filter(name => name.startsWith('claw-'))
    .map(name => join(bin, name))
    .filter(isLauncher)

function launcherTexts({ paths, node, programs }: LauncherPlan): LauncherChange['written'] {
  return Object.entries(programs).map(([program, script]) => {
    checkPlan(program, [node, script, paths.home])
    const { home, identity } = paths
    const start = { name: `claw-${program}`, home, identity, userHome: homedir(), node, script }
    const text = program === 'peer' ? gateText(start) : launcherText(start)
    return { path: join(paths.bin, `claw-${program}`), text }
  })
}

function isAsWritten(path: string, text: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true && (stats.mode & 0o777) === 0o700 && textIn(path) === text
}

const isLauncher = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === true && textIn(path).includes(LAUNCHER_MARK)

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

function checkPlan(name: string, paths: readonly string[]): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw new ClawError('bad-input', `Cannot write a launcher for ${quoteValue(name)}: it is no program name`)
  }
  const odd = paths.find(path => !isAbsolute(path))
  if (odd !== undefined) {
    throw new ClawError(
      'bad-input',
      `Cannot write the launcher of "${name}": ${quoteValue(odd)} is not an absolute path`,
    )
  }
}

import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { shellQuote } from '../fleet/remote.ts'
import type { HomePaths } from './home-paths.ts'
import { reasonOf, sha256 } from './version-content.ts'
import { replaceFile } from './whole-file.ts'

type Paths = Pick<HomePaths, 'home' | 'bin' | 'backups'>

/** One program the bash version left in `scripts/`. */
export type BashScript = {
  /** `claw-ping.sh` */
  readonly name: string
  readonly path: string
  /** `theirs` as the bash version wrote it, `ours` a launcher in its place, `kept` one we have no program for yet. */
  readonly state: 'theirs' | 'ours' | 'kept'
}

/** Every program of the bash version in this home, by name; none in a home that it did not make. */
export function bashScripts(paths: Paths): readonly BashScript[] {
  return scriptNames(paths).map(name => {
    const path = join(folderOf(paths), name)
    const launcher = launcherOf(paths, name)
    const isOurs = readFileSync(path, 'latin1') === Buffer.from(textOf(launcher)).toString('latin1')
    return { name, path, state: isOurs ? 'ours' : existsSync(launcher) ? 'theirs' : 'kept' }
  })
}

/**
 * Put a launcher of ours in the place of each program of the bash version that we have too, so that old habits and
 * what old machines call over SSH go on working. What was there is kept in `backups/bash-scripts/`.
 *
 * @returns names of what was replaced; none when done twice
 * @throws {ClawError} `store-unavailable`; what was not reached is as it was
 */
export function replaceBashScripts(paths: Paths): readonly string[] {
  const theirs = bashScripts(paths).filter(({ state }) => state === 'theirs')
  const kept = join(paths.backups, 'bash-scripts')
  for (const { name, path } of theirs) {
    try {
      mkdirSync(kept, { recursive: true, mode: 0o700 })
      keepCopy(join(kept, name), readFileSync(path))
      replaceFile(path, textOf(launcherOf(paths, name)), 0o700)
    } catch (cause) {
      throw new ClawError('store-unavailable', `Cannot replace "${path}": ${reasonOf(cause)}`, { cause })
    }
  }
  return theirs.map(({ name }) => name)
}

/** Whoever writes his own over our launcher later finds that here too, beside what was there first. */
function keepCopy(file: string, content: Buffer): void {
  const later = `${file}.${sha256(content).slice(0, 12)}`
  const place = !existsSync(file) || readFileSync(file).equals(content) ? file : later
  if (!existsSync(place)) replaceFile(place, content, 0o600)
}

/** Remove our launchers from `scripts/`. @returns names of what went */
export function removeBashLaunchers(paths: Paths): readonly string[] {
  const ours = bashScripts(paths).filter(({ state }) => state === 'ours')
  for (const { path } of ours) rmSync(path, { force: true })
  return ours.map(({ name }) => name)
}

const folderOf = ({ home }: Paths): string => join(home, 'scripts')
const launcherOf = ({ bin }: Paths, name: string): string => join(bin, basename(name, '.sh'))
const textOf = (launcher: string): string => `#!/bin/sh\nexec ${shellQuote(launcher)} "$@"\n`

function scriptNames(paths: Paths): readonly string[] {
  const folder = folderOf(paths)
  try {
    return readdirSync(folder)
      .filter(name => /^claw-[a-z-]{1,40}\.sh$/.test(name))
      .filter(name => lstatSync(join(folder, name)).isFile())
      .toSorted()
  } catch {
    return []
  }
}

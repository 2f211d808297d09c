import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** One launcher, as it lies there. */
export type LauncherFile = {
  readonly path: string
  readonly isRunnable: boolean
  readonly node: { readonly path: string; readonly exists: boolean } | undefined
  readonly script: { readonly path: string; readonly exists: boolean } | undefined
}

/** One of our names in a folder of programs. */
export type ProgramLink = { readonly path: string; readonly state: 'good' | 'dangling' | 'foreign' }

const MAX_BYTES = 64 * 1024

/** Every `claw-*` in `bin`, and the node and program each of them starts; none where there is no such folder. */
export function readLaunchers(bin: string): readonly LauncherFile[] {
  return clawNames(bin).map(name => {
    const path = join(bin, name)
    const words = quotedPaths(textOf(path))
    return {
      path,
      isRunnable: canRun(path),
      node: found(
        words.find(word => /(^|\/)node[^/]*$/.test(word)),
        canRun,
      ),
      script: found(
        words.find(word => /\.[cm]?[jt]s$/.test(word)),
        existsSync,
      ),
    }
  })
}

/** Can it be started by us? */
export function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const found = (path: string | undefined, test: (path: string) => boolean) =>
  path === undefined ? undefined : { path, exists: test(path) }

/** The absolute paths that stand in single quotes in a shell text, in order. */
const quotedPaths = (text: string): readonly string[] =>
  [...text.matchAll(/'(?:[^']|'\\'')*'/g)].flatMap(([word]) => {
    const path = word.slice(1, -1).replaceAll("'\\''", "'")
    return path.startsWith('/') ? [path] : []
  })

function textOf(path: string): string {
  try {
    return lstatSync(path).size > MAX_BYTES ? '' : readFileSync(path, 'utf8')
  } catch {
    return '' // a link to nothing, or not ours to read: it starts nothing
  }
}

/**
 * What stands under our names in a folder such as `~/.local/bin`.
 *
 * @param bin  our own `bin`: a link into it is ours
 */
export function readProgramLinks(folder: string, bin: string): readonly ProgramLink[] {
  const own = realOf(bin)
  return clawNames(folder).map(name => {
    const path = join(folder, name)
    const target = realOf(path)
    if (target === undefined) return { path, state: 'dangling' }
    return { path, state: dirname(target) === own ? 'good' : 'foreign' }
  })
}

/** Is a folder named in this PATH? */
export const isOnPath = (folder: string, path = process.env.PATH ?? ''): boolean =>
  path.split(delimiter).some(entry => entry === folder || (entry !== '' && realOf(entry) === realOf(folder)))

function clawNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter(name => /^claw-[a-z-]+$/.test(name))
      .toSorted()
  } catch {
    return []
  }
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'

/** One launcher, as it lies there. */
export type LauncherFile = {
  readonly path: string
  readonly isRunnable: boolean
  readonly node: { readonly path: string; readonly exists: boolean } | undefined
  readonly script: { readonly path: string; readonly exists: boolean } | undefined
}

const MAX_BYTES = 64 * 1024

/** Every `claw-*` in `bin`, and the node and program each of them starts; none where there is no such folder. */
export function readLaunchers(bin: string): readonly LauncherFile[] {
  return clawNames(bin).map(name => {
    const path = join(bin, name)
    const text = textOf(path)
    return {
      path,
      isRunnable: canRun(path),
      node: found(assigned(text, 'node'), canRun),
      script: found(assigned(text, 'script'), existsSync),
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

/** What a launcher assigns to a variable: one word in single quotes. */
function assigned(text: string, name: string): string | undefined {
  const [, word] = new RegExp(`^${name}='((?:[^']|'\\\\'')*)'$`, 'm').exec(text) ?? []
  return word?.replaceAll("'\\''", "'")
}

function textOf(path: string): string {
  try {
    return lstatSync(path).size > MAX_BYTES ? '' : readFileSync(path, 'utf8')
  } catch {
    return '' // a link to nothing, or not ours to read: it starts nothing
  }
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

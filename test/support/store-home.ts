import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../../src/adapters/clock.ts'
import { type HomePaths, homePaths } from '../../src/adapters/home-paths.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'
import type { FleetStore } from '../../src/store/store.ts'
import { temporaryFolder } from './program.ts'

/** A home of its own for one test, with nothing in it yet. */
export type StoreHome = AsyncDisposable & {
  readonly paths: HomePaths
  /** One more program that opened this home. */
  readonly open: (clock?: Clock) => FleetStore
}

export async function storeHome(): Promise<StoreHome> {
  const folder = await temporaryFolder()
  const paths = homePaths(join(folder.path, 'home'))
  return {
    paths,
    open: (clock = systemClock) => openJsonFleet({ paths, clock }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** Put a file into a home, as another program would; an object is written as the bash version's jq did. */
export function put(path: string, content: string | Uint8Array | object): void {
  mkdirSync(dirname(path), { recursive: true })
  const isText = typeof content === 'string' || content instanceof Uint8Array
  writeFileSync(path, isText ? content : `${JSON.stringify(content, undefined, 2)}\n`)
}

/** Parse a file of a home. */
export const jsonIn = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

/** Every file below a folder: its path from there, its mode in octal, and its content. */
export function filesBelow(
  folder: string,
): ReadonlyMap<string, { readonly mode: string; readonly text: string }> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    entry => !entry.isDirectory(),
  )
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      const stat = lstatSync(path)
      const text = stat.isFile() ? readFileSync(path, 'latin1') : ''
      return [path.slice(folder.length + 1), { mode: (stat.mode & 0o777).toString(8), text }]
    }),
  )
}

/** Where the damaged files of a folder are kept: names only. */
export const keptAside = (folder: string): readonly string[] =>
  readdirSync(folder).filter(name => name.includes('.corrupt-'))

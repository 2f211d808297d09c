import { ClawError } from './error.ts'
import { lazy } from './lazy.ts'
import { parseValue, type Source, textOf, z } from './parse.ts'
import { isSafeText } from './text.ts'

/** What a version consists of, as `manifest.json` in its folder says. */
export type VersionManifest = {
  readonly schema: 1
  /** Of the programs: `2.0.0`. */
  readonly version: string
  /** SHA-256 of `contentText(files)`, 64 hex digits. */
  readonly hash: string
  /** Path below the version folder, with `/`, to the SHA-256 of that file. */
  readonly files: Readonly<Record<string, string>>
}

/** Name of the manifest in a version folder. */
export const MANIFEST_FILE = 'manifest.json'

/** The parts of a version folder; all but `dist` may be absent. */
export const VERSION_PARTS = ['dist', 'skills', 'launchd', 'migrations'] as const
export type VersionPart = (typeof VERSION_PARTS)[number]

/** Versions kept on a machine: the current one, the one before it, and what was current last. */
export const KEPT_VERSIONS = 3

/** Far more than a version has; bounds what a damaged or foreign manifest makes us do. */
const MAX_FILES = 5000

/** Name of the folder of a version: `2.0.0-0123456789ab`. Equal content has an equal name. */
export const versionName = ({ version, hash }: Pick<VersionManifest, 'version' | 'hash'>): string =>
  `${version}-${hash.slice(0, 12)}`

/** True for what `versionName` makes; such a name is safe in a path. */
export const isVersionName = (text: string): boolean =>
  /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:[-+][0-9A-Za-z.+-]{1,40})?-[0-9a-f]{12}$/.test(text) && !text.includes('..')

/** What the hash of a version is taken of, in the form `sha256sum` reads and writes: sorted, a line per file. */
export const contentText = (files: VersionManifest['files']): string =>
  Object.keys(files)
    .toSorted()
    .map(path => `${files[path]}  ${path}\n`)
    .join('')

/**
 * True for a path a version may hold: below one of its parts, without hidden names, control characters and ways out.
 * The compile cache grows when programs run and is no part of a version.
 */
export function isVersionFile(path: string): boolean {
  const [part, ...below] = path.split('/')
  if (!VERSION_PARTS.some(known => known === part) || below.length === 0 || path.length > 400) return false
  if (part === 'dist' && below[0] === 'cache') return false
  return below.every(name => name !== '' && !name.startsWith('.') && isSafeText(name) && !name.includes('\\'))
}

const HEX_64 = /^[0-9a-f]{64}$/
const sha256 = lazy(() => textOf(text => HEX_64.test(text), '64 hex digits'))
const manifest = lazy(() =>
  z.object({
    schema: z.literal(1, { error: 'the number 1: this manifest is of a version we cannot read' }),
    version: textOf(text => isVersionName(`${text}-0123456789ab`), 'a version such as "2.0.0"'),
    hash: sha256(),
    files: z.record(textOf(isVersionFile, 'a path of a version'), sha256()).check(
      z.refine(files => 'dist/setup.js' in files && Object.keys(files).length <= MAX_FILES, {
        error: `"dist/setup.js" and at most ${MAX_FILES} files`,
      }),
    ),
  }),
)

/**
 * Read a manifest. That its hash is right is for the reader of the files to check: see `contentText`.
 *
 * @throws {ClawError} `damaged-state` naming `source`
 */
export function parseVersionManifest(text: string, source: Source): VersionManifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ClawError('damaged-state', `Cannot read ${source}: it is not JSON`, { cause })
  }
  return parseValue(manifest, value, source, 'damaged-state')
}

/** The manifest as it is written. */
export const manifestText = (value: VersionManifest): string => `${JSON.stringify(value, undefined, 2)}\n`

/** The versions in the order in which they became current, cut off after the one that is: a step back pops. */
function activationsUpTo(activated: readonly string[], current: string | undefined): readonly string[] {
  if (current === undefined) return []
  const at = activated.lastIndexOf(current)
  return at < 0 ? [...activated, current] : activated.slice(0, at + 1)
}

/** The order of activations after `name` becomes current. What was stepped back from is no longer before anything. */
export const activationsAfter = (
  activated: readonly string[],
  current: string | undefined,
  name: string,
): readonly string[] =>
  [...activationsUpTo(activated, current).filter(each => each !== name), name].slice(-20)

/** The version a step back leads to: the last one before the current that is still there. */
export const versionBefore = (
  activated: readonly string[],
  current: string | undefined,
  present: readonly string[],
): string | undefined =>
  activationsUpTo(activated, current)
    .slice(0, -1)
    .findLast(name => name !== current && present.includes(name))

export type PruneFacts = {
  readonly activated: readonly string[]
  readonly current: string | undefined
  /** Every version folder there is, newest first. */
  readonly present: readonly string[]
  /** Versions that somebody may just be about to activate. */
  readonly fresh: readonly string[]
}

/** The versions to remove; never the current one, the one before it, or a fresh one. */
export function versionsToPrune({ activated, current, present, fresh }: PruneFacts): readonly string[] {
  const before = versionBefore(activated, current, present)
  const once = present.filter(name => activated.includes(name))
  const order = [current, before, ...activated.toReversed().filter(name => once.includes(name)), ...present]
  const kept = new Set(
    [...new Set(order)].filter(name => name !== undefined && present.includes(name)).slice(0, KEPT_VERSIONS),
  )
  return present.filter(name => !kept.has(name) && !fresh.includes(name))
}

import {
  counted,
  type Finding,
  fine,
  listed,
  type ModeChange,
  note,
  problem,
  shellWord,
  warning,
} from './finding.ts'

/** One thing that lies in the home. */
export type HomeEntry = {
  /** Absolute. */
  readonly path: string
  readonly kind: 'folder' | 'file' | 'other'
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  /** Since it was last written, in milliseconds. */
  readonly ageMs: number
}

export type HomeFacts = {
  readonly home: string
  /** The user who runs us. */
  readonly user: { readonly uid: number; readonly name: string }
  readonly entries: readonly HomeEntry[]
  /** More lies there than was looked at. */
  readonly isCut: boolean
}

/** Everything in the home belongs to us, and nobody else can read or write it. */
export function judgePermissions({ home, user, entries, isCut }: HomeFacts): readonly Finding[] {
  const foreign = entries.filter(({ uid }) => uid !== user.uid)
  const open = entries.filter(
    ({ mode, kind, uid }) => uid === user.uid && kind !== 'other' && (mode & 0o077) !== 0,
  )
  const findings = [...foreignOwner(home, user.name, foreign), ...openToOthers(home, open)]
  if (findings.length > 0) return findings
  return isCut
    ? [note('permissions', `Only the first ${entries.length} files of "${home}" were looked at`)]
    : [fine('permissions', `All of "${home}" is yours alone`)]
}

function foreignOwner(home: string, user: string, foreign: readonly HomeEntry[]): readonly Finding[] {
  if (foreign.length === 0) return []
  const names = listed(foreign.map(({ path }) => path))
  const next = `sudo chown -R ${shellWord(user)} ${shellWord(home)}`
  return [problem('permissions', `Not yours: ${names}`, { next })]
}

function openToOthers(home: string, open: readonly HomeEntry[]): readonly Finding[] {
  if (open.length === 0) return []
  const names = listed(open.map(({ path }) => path))
  const isWritable = open.some(({ mode }) => (mode & 0o022) !== 0)
  const files = open.map(({ path, mode }): ModeChange => ({ path, mode: mode & 0o700 }))
  const details = { next: `chmod -R go= ${shellWord(home)}`, fix: { kind: 'modes', files } } as const
  return isWritable
    ? [problem('permissions', `Others can write to ${names}`, details)]
    : [warning('permissions', `Others can read ${names}`, details)]
}

/** A file that another run was writing when it was killed; a living run needs seconds. */
const LEFT_BEHIND_MS = 10 * 60_000
// `.state.json.<suffix>.tmp`, `known_hosts.<16 hex>.tmp` and `id_ed25519.<16 hex>.new[.pub]`: the names our writers use.
const TEMPORARY = /(^\..+\.[0-9a-z]{1,8}-[0-9a-z]{1,16}\.tmp$)|(\.[0-9a-f]{16}\.(tmp|new|new\.pub)$)/
const SET_ASIDE = /\.corrupt-\d{8}T/

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** What killed writers and damaged files left in the home. */
export function judgeLeftovers({ entries }: Pick<HomeFacts, 'entries'>): readonly Finding[] {
  const files = entries.filter(({ kind }) => kind === 'file')
  const old = files.filter(({ path, ageMs }) => TEMPORARY.test(nameOf(path)) && ageMs > LEFT_BEHIND_MS)
  const aside = files.filter(({ path }) => SET_ASIDE.test(nameOf(path))).map(({ path }) => path)
  const paths = old.map(({ path }) => path)
  const swept = { next: `rm ${paths.map(shellWord).join(' ')}`, fix: { kind: 'sweep', paths } } as const
  const kept = `${counted(aside.length, 'damaged file')} set aside: ${listed(aside)}`
  const found = [
    ...(paths.length === 0
      ? []
      : [
          note(
            'leftovers',
            `${counted(paths.length, 'temporary file')} left by a killed run: ${listed(paths)}`,
            swept,
          ),
        ]),
    ...(aside.length === 0
      ? []
      : [note('set-aside', kept, { next: `look at it, then rm ${aside.map(shellWord).join(' ')}` })]),
  ]
  return found.length === 0 ? [fine('leftovers', 'Nothing was left by killed runs')] : found
}

export type DiskFacts = {
  readonly home: string
  readonly freeBytes: number
  /** Files that can still be made; undefined where the file system does not count them. */
  readonly freeFiles: number | undefined
}

const MIB = 1024 * 1024
/** Below it no program of ours should start to write; an update needs about 20 MiB. */
const SHORT_BYTES = 100 * MIB
const LOW_BYTES = 500 * MIB
const SHORT_FILES = 1000

/** Room for what comes: state, logs and an update. */
export function judgeDisk({ home, freeBytes, freeFiles }: DiskFacts): readonly Finding[] {
  const free = `${Math.floor(freeBytes / MIB)} MiB free`
  const next = `df -h ${shellWord(home)}, then free some space`
  if (freeBytes < SHORT_BYTES) {
    return [problem('disk', `The disk of "${home}" is nearly full: ${free}, 100 are needed`, { next })]
  }
  if (freeFiles !== undefined && freeFiles < SHORT_FILES) {
    const inodes = `df -i ${shellWord(home)}, then remove small files`
    return [
      problem('disk', `The disk of "${home}" can take only ${counted(freeFiles, 'more file')}`, {
        next: inodes,
      }),
    ]
  }
  if (freeBytes < LOW_BYTES) {
    return [warning('disk', `The disk of "${home}" is getting full: ${free}`, { next })]
  }
  return [fine('disk', `The disk of "${home}" has ${free}`)]
}

/** A file or journal of ours that does not read; the line names its path. */
export type Damage = { readonly message: string; readonly hint: string | undefined }

/** Every record reads. */
export function judgeRecords(damaged: readonly Damage[], count: number): readonly Finding[] {
  if (damaged.length === 0)
    return [fine('records', `${counted(count, 'peer record')}, the manifest and the journal can be read`)]
  return damaged.map(({ message, hint }) =>
    problem('records', message, { next: hint ?? 'claw-ping sets it aside and takes what fleet.json has' }),
  )
}

export type SettingsFacts = {
  /** What is wrong with values, fit to be shown. */
  readonly problems: readonly Damage[]
  readonly unknownKeys: readonly string[]
  /** Files that other programs would read as settings of ours, and we do not. */
  readonly ignored: readonly string[]
  readonly file: string
}

export function judgeSettings({ problems, unknownKeys, ignored, file }: SettingsFacts): readonly Finding[] {
  const found = [
    ...problems.map(({ message, hint }) =>
      problem('settings', `${message}; the default is used`, { next: hint ?? `correct ${shellWord(file)}` }),
    ),
    ...(unknownKeys.length === 0
      ? []
      : [
          note('settings', `Unknown settings are ignored: ${unknownKeys.join(', ')}`, {
            next: `look at ${shellWord(file)}`,
          }),
        ]),
    ...(ignored.length === 0
      ? []
      : [
          note(
            'foreign-config',
            `Not read, because settings are data in "${file}" only: ${listed(ignored)}`,
            {
              next: 'remove it, unless it is for another program',
            },
          ),
        ]),
  ]
  return found.length === 0 ? [fine('settings', 'The settings are in order')] : found
}

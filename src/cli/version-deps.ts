import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { ActivateDeps, OutsideLinks, VersionFacts } from '../actions/make-current.ts'
import { systemClock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import type { InstallRecord } from '../fleet/install-record.ts'
import type { VersionManifest } from '../fleet/version-folder.ts'
import type { Terminal } from './terminal.ts'

/** What the owner may say about activating a version. */
export type VersionWishes = {
  readonly node?: string | undefined
  readonly binDir?: string | undefined
  readonly noLinks?: boolean | undefined
  /** Folders that may vanish; no node is taken from them. */
  readonly avoid?: readonly string[]
}

/** Longest wait for another run that installs; each takes a few seconds. */
const INSTALL_WAIT_MS = 120_000

/** Everything that changing the version needs on this machine. */
export async function versionDeps(
  paths: HomePaths,
  wishes: VersionWishes,
  { progress }: Pick<Terminal, 'progress'>,
): Promise<ActivateDeps> {
  const [folders, content, search, gate, links, { openClawState }] = await Promise.all([
    import('../adapters/version-folders.ts'),
    import('../adapters/version-content.ts'),
    import('../adapters/find-node.ts'),
    import('../adapters/gate.ts'),
    import('../adapters/own-links.ts'),
    import('../adapters/openclaw.ts'),
  ])
  const { node: given, avoid = [] } = wishes
  return {
    clock: systemClock,
    versions: {
      current: () => folders.currentVersion(paths),
      present: () => folders.presentVersions(paths),
      inspect: name => {
        const folder = join(paths.versions, name)
        const manifest = content.readVersionManifest(folder)
        return { ...factsOf(name, manifest), damaged: content.damagedFiles(folder, manifest) }
      },
      switchTo: name => folders.switchVersion(paths, name),
      remove: names => folders.removeVersions(paths, names),
      sweep: () => folders.sweepVersions(paths),
      record: () => folders.readInstallRecord(paths),
      saveRecord: record => folders.writeInstallRecord(paths, record),
    },
    findNode: () => search.findNode({ paths, given, avoid }),
    keepNode: search.keepNode,
    tidyNodes: used => search.tidyNodes(paths, used),
    planLaunchers: (node, programs) =>
      gate.planLaunchers({ paths, node, programs: scriptsOf(paths, programs) }),
    applyLaunchers: change => gate.applyLaunchers(paths.bin, change),
    planLinks: (record, version) =>
      outsideLinks(
        { paths, wishes, record, version },
        { planLinks: links.planLinks, state: openClawState() },
      ),
    applyLinks: links.applyLinks,
    onProgress: progress,
  }
}

/** What a manifest says of a version that nothing is known to be wrong with. */
export function factsOf(name: string, { files }: VersionManifest): VersionFacts {
  const paths = Object.keys(files)
  // A program is a starter with its program behind it; what only programs start has none.
  const programs = paths.flatMap(path => {
    const program = /^dist\/([a-z][a-z0-9-]{0,31})\.js$/.exec(path)?.[1]
    return program !== undefined && `dist/lib/${program}.js` in files ? [program] : []
  })
  const skills = paths.flatMap(path => /^skills\/([a-z0-9][a-z0-9-]{0,63})\/SKILL\.md$/.exec(path)?.[1] ?? [])
  return { name, programs: programs.toSorted(), skills: skills.toSorted(), damaged: [] }
}

/** Where launchers find each program: below `current`, so that they follow every switch. */
export const scriptsOf = (
  { current }: Pick<HomePaths, 'current'>,
  programs: readonly string[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(programs.map(name => [name, join(current, 'dist', `${name}.js`)]))

type Subject = {
  readonly paths: HomePaths
  readonly wishes: VersionWishes
  readonly record: InstallRecord
  readonly version: VersionFacts
}
type Outside = {
  readonly planLinks: typeof import('../adapters/own-links.ts').planLinks
  /** OpenClaw's state folder. */
  readonly state: string
}

function outsideLinks(
  { paths, wishes, record, version }: Subject,
  { planLinks, state }: Outside,
): OutsideLinks {
  const before = record.binDir === undefined ? join(homedir(), '.local', 'bin') : record.binDir
  const binDir = wishes.noLinks === true ? null : (wishes.binDir ?? before)
  // The gate is for other machines, and no command of the owner.
  const names = version.programs.filter(name => name !== 'peer').map(name => `claw-${name}`)
  const launchers = Object.fromEntries(names.map(name => [name, join(paths.bin, name)]))
  const inBin = (folder: string, links: Record<string, string>) =>
    planLinks({ folder, links, ours: [paths.bin] })
  const wanted = binDir === null || resolve(binDir) === paths.bin ? null : resolve(binDir)
  const left = [record.binDir]
    .filter(folder => typeof folder === 'string')
    .filter(folder => folder !== wanted)
  const ours = [join(paths.current, 'skills'), paths.versions]
  const skills = Object.fromEntries(version.skills.map(name => [name, join(paths.current, 'skills', name)]))
  const skillsDir = existsSync(state) ? join(state, 'skills') : null
  return {
    binDir: wanted,
    skillsDir,
    programs: [
      ...(wanted === null ? [] : [inBin(wanted, launchers)]),
      ...left.map(folder => inBin(folder, {})),
    ],
    skills: skillsDir === null ? [] : [planLinks({ folder: skillsDir, links: skills, ours })],
  }
}

/**
 * Do something while no other run installs or uninstalls in this home.
 *
 * @throws {ClawError} `busy` after two minutes; `bad-input` for root in the home of somebody else, and for a home that
 *   holds more than ours
 */
export async function alone<T>(paths: Pick<HomePaths, 'locks' | 'home'>, work: () => Promise<T>): Promise<T> {
  refuseForeignOwner(paths.home)
  await refuseSharedHome(paths.home)
  const { acquireLock, lockHolder } = await import('../store/lock.ts')
  const startedAt = systemClock.now().toISOString()
  const holder = { program: 'claw-setup', pid: process.pid, startedAt }
  using lock = await acquireLock({
    directory: paths.locks,
    name: 'install',
    waitMs: INSTALL_WAIT_MS,
    holder,
    clock: systemClock,
  })
  if (lock !== undefined) return await work()
  const other = lockHolder(paths.locks, 'install')
  throw new ClawError(
    'busy',
    `Cannot change "${paths.home}": another run installs there${other === undefined ? '' : ` (process ${other.pid})`}`,
  )
}

/** What would be put there could not be told from the owner's own later. @throws {ClawError} `bad-input` */
export async function refuseSharedHome(home: string): Promise<void> {
  const { isSharedFolder } = await import('../adapters/home-remains.ts')
  if (!isSharedFolder(home)) return
  throw new ClawError('bad-input', `Cannot use "${home}" as home: it holds more than claw-clan`, {
    hint: 'Leave --home and CLAW_CLAN_HOME out, or name a folder of its own',
  })
}

/** `sudo` keeps HOME on some machines: files of root in the owner's home would lock the owner out. */
function refuseForeignOwner(home: string): void {
  if (process.getuid?.() !== 0) return
  const there = nearest(home)
  const { uid } = statSync(there)
  if (uid === 0) return
  throw new ClawError('bad-input', `Cannot work in "${home}" as root: "${there}" belongs to user ${uid}`, {
    hint: 'Run it again as that user, without sudo',
  })
}

const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)))

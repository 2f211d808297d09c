import type { Clock } from '../adapters/clock.ts'
import type { FoundNode } from '../adapters/find-node.ts'
import type { LauncherChange } from '../adapters/gate.ts'
import type { LinkChange } from '../adapters/own-links.ts'
import type { PresentVersion } from '../adapters/version-folders.ts'
import { ClawError } from '../fleet/error.ts'
import type { InstallRecord } from '../fleet/install-record.ts'
import { versionsToPrune } from '../fleet/version-folder.ts'

/** What of a version is looked at before it becomes current. */
export type VersionFacts = {
  readonly name: string
  /** `ping`, `setup`, ... */
  readonly programs: readonly string[]
  readonly skills: readonly string[]
  /** Files that are not what its manifest says. */
  readonly damaged: readonly string[]
}

export type ActivateDeps = {
  readonly clock: Pick<Clock, 'now'>
  readonly versions: {
    readonly current: () => string | undefined
    readonly present: () => readonly PresentVersion[]
    /** @throws {ClawError} `damaged-state` when there is no manifest to read */
    readonly inspect: (name: string) => VersionFacts
    readonly switchTo: (name: string) => void
    readonly remove: (names: readonly string[]) => void
    /** Removes what killed runs left. */
    readonly sweep: () => void
    readonly record: () => InstallRecord
    readonly saveRecord: (record: InstallRecord) => void
  }
  readonly findNode: () => Promise<FoundNode>
  readonly keepNode: (node: FoundNode) => void
  /** Removes copies of node that nothing starts any more. */
  readonly tidyNodes: (used: string) => void
  readonly planLaunchers: (node: string, programs: readonly string[]) => LauncherChange
  readonly applyLaunchers: (change: LauncherChange) => void
  readonly planLinks: (record: InstallRecord, version: VersionFacts) => OutsideLinks
  readonly applyLinks: (change: LinkChange) => void
  readonly onProgress: (text: string) => void
}

/** Links of ours in folders of others; a folder is null where none are wanted, or there is no OpenClaw. */
export type OutsideLinks = {
  readonly binDir: string | null
  readonly skillsDir: string | null
  /** In `binDir`, and in the one of before where that was another. */
  readonly programs: readonly LinkChange[]
  readonly skills: readonly LinkChange[]
}

/** What was done outside, for people and programs; the keys are a public interface. */
export type Links = Pick<LinkChange, 'made' | 'removed' | 'kept' | 'foreign'> & { readonly folder: string }

export type Activation = {
  readonly version: string
  /** What was current before; null when nothing was. */
  readonly previous: string | null
  /** False when all of it was so already. */
  readonly changed: boolean
  readonly node: { readonly path: string; readonly version: string; readonly copied: boolean }
  /** Paths of launchers written and removed. */
  readonly launchers: { readonly written: readonly string[]; readonly removed: readonly string[] }
  readonly links: readonly Links[]
  readonly skills: readonly Links[]
  readonly pruned: readonly string[]
  /** What could not be done and stops nothing, a sentence each. */
  readonly warnings: readonly string[]
  readonly dryRun: boolean
}

/** A version that was unpacked this short a time ago may be about to become current. */
const FRESH_MS = 60 * 60_000

/** A version, and the record as it is to be when the version is current. */
export type Order = {
  readonly version: VersionFacts
  readonly record: InstallRecord
  readonly dryRun: boolean
}

/**
 * Everything both ways of changing the version have in common.
 *
 * @throws {ClawError} `damaged-state` when the version is not what its manifest says
 */
export async function makeCurrent(
  deps: ActivateDeps,
  { version, record, dryRun }: Order,
): Promise<Activation> {
  const { name, damaged } = version
  if (damaged.length > 0) {
    throw new ClawError(
      'damaged-state',
      `Cannot use version "${name}": "${damaged[0]}" is not as it was made`,
      { hint: 'Install it again: "npm run setup" in its clone' },
    )
  }
  const previous = deps.versions.current()
  deps.onProgress('looking for node')
  const node = await deps.findNode()
  const launchers = deps.planLaunchers(node.path, version.programs)
  const links = deps.planLinks(record, version)
  const pruned = prunable(deps, { version, record, dryRun })
  const isNew = previous !== name || node.copyOf !== undefined || pruned.length > 0
  const changes = [
    launchers.written,
    launchers.removed,
    ...[...links.programs, ...links.skills].flatMap(changed),
  ]
  const warnings = dryRun ? [] : apply(deps, { version, record, dryRun }, { node, launchers, links, pruned })
  return {
    version: name,
    previous: previous ?? null,
    changed: isNew || changes.some(each => each.length > 0),
    node: { path: node.path, version: node.version, copied: node.copyOf !== undefined },
    launchers: { written: launchers.written.map(({ path }) => path), removed: launchers.removed },
    links: links.programs.map(shown),
    skills: links.skills.map(shown),
    pruned,
    warnings,
    dryRun,
  }
}

const changed = ({ made, removed }: LinkChange) => [made, removed]
const shown = ({ folder, made, removed, kept, foreign }: LinkChange): Links => ({
  folder,
  made,
  removed,
  kept,
  foreign,
})

type Plan = {
  readonly node: FoundNode
  readonly launchers: LauncherChange
  readonly links: OutsideLinks
  readonly pruned: readonly string[]
}

/** @returns what could not be done around the switch: the programs work all the same */
function apply(deps: ActivateDeps, { version, record }: Order, plan: Plan): readonly string[] {
  const { versions } = deps
  versions.sweep()
  deps.keepNode(plan.node)
  const { binDir, skillsDir, programs, skills } = plan.links
  const outside = [...programs, ...skills]
  const newFolders = outside.flatMap(({ newFolders }) => newFolders)
  // Before anything lies outside: uninstalling must know of it wherever this run ends.
  versions.saveRecord({
    ...record,
    binDir,
    skillsDir,
    madeFolders: [...new Set([...record.madeFolders, ...newFolders])],
  })
  deps.onProgress(`switching to ${version.name}`)
  switchWhole(deps, version.name, plan.launchers)
  return [
    ...outside.flatMap(change => warningOf(() => deps.applyLinks(change))),
    ...warningOf(() => versions.remove(plan.pruned)),
    ...warningOf(() => deps.tidyNodes(plan.node.path)),
  ]
}

/** Where the launchers cannot be written, the version of before is current again: half an update is none. */
function switchWhole({ versions, applyLaunchers }: ActivateDeps, name: string, change: LauncherChange): void {
  const before = versions.current()
  if (before !== name) versions.switchTo(name)
  try {
    applyLaunchers(change)
  } catch (error) {
    if (before !== undefined && before !== name) versions.switchTo(before)
    throw error
  }
}

function warningOf(work: () => void): readonly string[] {
  try {
    work()
    return []
  } catch (error) {
    if (error instanceof ClawError) return [error.message]
    throw error
  }
}

function prunable({ versions, clock }: ActivateDeps, { version, record }: Order): readonly string[] {
  const present = versions.present()
  const now = clock.now().getTime()
  return versionsToPrune({
    activated: record.activated,
    current: version.name,
    present: present.map(({ name }) => name),
    fresh: present
      .filter(({ name, madeAt }) => !record.activated.includes(name) && now - madeAt.getTime() < FRESH_MS)
      .map(({ name }) => name),
  })
}

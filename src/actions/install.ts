import type { FoundNode } from '../adapters/find-node.ts'
import type { StagedVersion } from '../adapters/version-staging.ts'
import { activateVersion } from './activate.ts'
import type { ActivateDeps, Activation, VersionFacts } from './make-current.ts'

export type InstallDeps = {
  readonly activate: ActivateDeps
  /** Puts the new version together beside the others, building it where that is needed. */
  readonly stage: () => Promise<StagedVersion>
  /** Starts a program of the staged version. @throws {ClawError} `command-failed` when it does not work */
  readonly selfCheck: (staged: StagedVersion, node: FoundNode) => Promise<void>
  readonly factsOf: (staged: StagedVersion) => VersionFacts
  /** Puts it among the others. @returns whether it was not there yet */
  readonly settle: (staged: StagedVersion) => boolean
  readonly discard: (staged: StagedVersion) => void
  /** Programs of the bash version in this home that are still its own. */
  readonly bashScripts: () => readonly string[]
}

export type Installation = Activation & {
  /** Programs of the bash version, for claw-setup to replace once the owner agrees. */
  readonly bashScripts: readonly string[]
}

/**
 * Put a version on this machine and make it the current one.
 *
 * It is complete, synced and has run before anything that runs is changed. State, settings, peers and schedules are
 * not touched. Twice is the same as once.
 *
 * @throws {ClawError} `command-failed` when it does not build or does not run here; `store-unavailable`
 */
export async function installVersion(deps: InstallDeps, dryRun: boolean): Promise<Installation> {
  const { activate } = deps
  // First: what the owner says of node may be wrong, and building takes longest.
  const node = await activate.findNode()
  const staged = await deps.stage()
  try {
    activate.onProgress('trying the new version')
    await deps.selfCheck(staged, node)
    const facts = deps.factsOf(staged)
    const isNew = !dryRun && deps.settle(staged)
    const activation = await activateVersion(activate, facts, dryRun)
    return { ...activation, changed: activation.changed || isNew, bashScripts: deps.bashScripts() }
  } finally {
    deps.discard(staged)
  }
}

import { ClawError } from '../fleet/error.ts'
import { activationsAfter, versionBefore } from '../fleet/version-folder.ts'
import { type ActivateDeps, type Activation, makeCurrent, type VersionFacts } from './make-current.ts'

/**
 * Make a version the current one, and everything outside it fit: launchers, links, skills.
 *
 * The switch is one rename, before which nothing that runs has changed and after which the launchers, which name
 * `current` and not a version, start the new one. So a run killed anywhere leaves a machine that works, and the next
 * run does the rest.
 *
 * @throws {ClawError} `damaged-state` when the version is not what its manifest says
 */
export async function activateVersion(
  deps: ActivateDeps,
  version: VersionFacts,
  dryRun: boolean,
): Promise<Activation> {
  const current = deps.versions.current()
  const record = deps.versions.record()
  const activated = activationsAfter(record.activated, current, version.name)
  return await makeCurrent(deps, { version, record: { ...record, activated }, dryRun })
}

/**
 * Step back to the version that was current before this one; a damaged one is passed over. A second step goes one
 * further back, and activating a version again leads forward.
 *
 * @throws {ClawError} `no-version` when there is none
 */
export async function rollBack(deps: ActivateDeps, dryRun: boolean): Promise<Activation> {
  const current = deps.versions.current()
  const record = deps.versions.record()
  const intact = deps.versions.present().flatMap(({ name }) => intactFacts(deps, name))
  const before = versionBefore(
    record.activated,
    current,
    intact.map(({ name }) => name),
  )
  const version = intact.find(({ name }) => name === before)
  if (version === undefined) {
    const now = current === undefined ? 'no version is installed' : `no version before "${current}" is kept`
    throw new ClawError('no-version', `Cannot step back: ${now}`, {
      hint: 'Check out the version you want in its clone, then run "npm run setup" there',
    })
  }
  return await makeCurrent(deps, { version, record, dryRun })
}

function intactFacts({ versions }: ActivateDeps, name: string): readonly VersionFacts[] {
  try {
    return [versions.inspect(name)].filter(({ damaged }) => damaged.length === 0)
  } catch (error) {
    if (error instanceof ClawError) return []
    throw error
  }
}

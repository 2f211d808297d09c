import type { DoctorDeps } from '../actions/doctor.ts'
import { ClawError } from '../fleet/error.ts'
import { counted, type Fix } from '../fleet/finding.ts'
import type { DoctorActions, Patient } from './doctor-patient.ts'

/** Puts right what a check said can be put right safely. */
export const mender =
  (patient: Patient, actions: DoctorActions): DoctorDeps['mend'] =>
  async (fix, dryRun) => {
    switch (fix.kind) {
      case 'modes':
        return modes(fix, dryRun)
      case 'sweep':
        return sweep(fix, dryRun)
      case 'clan-key':
        return clanKey(patient, dryRun)
      case 'identity':
        return identity(patient, dryRun)
      case 'programs':
        return programs(patient, actions, dryRun)
      case 'schedule':
        return schedule(patient, actions, dryRun)
    }
  }

async function modes({ files }: Fix & { kind: 'modes' }, dryRun: boolean): Promise<string> {
  const { setModes } = await import('../adapters/home-survey.ts')
  if (!dryRun) await setModes(files)
  return `took away what others may do with ${counted(files.length, 'path')}`
}

async function sweep({ paths }: Fix & { kind: 'sweep' }, dryRun: boolean): Promise<string> {
  const { removeFiles } = await import('../adapters/home-survey.ts')
  if (!dryRun) await removeFiles(paths)
  return `removed ${counted(paths.length, 'temporary file')}`
}

async function clanKey({ home, self }: Patient, dryRun: boolean): Promise<string> {
  if (self === undefined) throw noIdentity()
  if (dryRun) return 'make the clan key, or its public half'
  const { ensureClanKey } = await import('../adapters/ssh-keys.ts')
  const { created, fingerprint } = await ensureClanKey(home.paths, `claw-clan:${self.gatewayId}`)
  if (self.clanKey !== fingerprint) await home.store.saveSelf({ ...self, clanKey: fingerprint })
  return created ? `made the clan key ${fingerprint}` : 'wrote the public half of the clan key'
}

async function identity({ home, self }: Patient, dryRun: boolean): Promise<string> {
  if (self === undefined) throw noIdentity()
  if (!dryRun) await home.store.saveSelf(self)
  return `wrote "${home.paths.identity}"`
}

async function programs(
  { home }: Patient,
  { activateVersion }: DoctorActions,
  dryRun: boolean,
): Promise<string> {
  const { paths } = home
  const { currentVersion } = await import('../adapters/version-folders.ts')
  const name = currentVersion(paths)
  if (name === undefined) {
    if (dryRun) return `write the launchers in "${paths.bin}"`
    const { setupParts } = await import('./setup-parts.ts')
    const written = (await setupParts(home)).writeLaunchers()
    return `wrote ${counted(written.length, 'launcher')} in "${paths.bin}"`
  }
  if (dryRun) return `write the launchers and links of version ${name}`
  process.umask(0o077) // what is made here is the owner's alone
  const { alone, versionDeps } = await import('./version-deps.ts')
  const deps = await versionDeps(paths, {}, { progress: () => {} })
  const { launchers, links, skills } = await alone(paths, () =>
    activateVersion(deps, deps.versions.inspect(name), false),
  )
  const made = [...links, ...skills].flatMap(change => change.made)
  return `wrote ${counted(launchers.written.length, 'launcher')} and ${counted(made.length, 'link')}`
}

async function schedule(
  { home, self }: Patient,
  { schedulePings }: DoctorActions,
  dryRun: boolean,
): Promise<string> {
  if (self === undefined) throw noIdentity()
  const { scheduleDeps } = await import('./schedule-deps.ts')
  const deps = await scheduleDeps({ ...home, self }, { progress: () => {} })
  const { scheduler, where } = await schedulePings(deps, { wait: false, dryRun })
  return `wrote the job of ${scheduler} in "${where}"`
}

const noIdentity = () => new ClawError('damaged-state', 'it needs an identity, and state.json does not read')

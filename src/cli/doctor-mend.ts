import type { DoctorDeps } from '../actions/doctor.ts'
import { ClawError } from '../fleet/error.ts'
import { counted, type Fix } from '../fleet/finding.ts'
import type { Patient } from './doctor-patient.ts'

/** Puts right what a check said can be put right safely. */
export const mender =
  (patient: Patient): DoctorDeps['mend'] =>
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
        return programs(patient, dryRun)
    }
  }

async function modes({ files }: Fix & { kind: 'modes' }, dryRun: boolean): Promise<string> {
  const { setModes } = await import('../adapters/home-survey.ts')
  if (!dryRun) await setModes(files)
  return `took the rights of others from ${counted(files.length, 'file')} and folders`
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

async function programs({ home }: Patient, dryRun: boolean): Promise<string> {
  if (dryRun) return `write the launchers in "${home.paths.bin}"`
  const { setupParts } = await import('./setup-parts.ts')
  const written = (await setupParts(home)).writeLaunchers()
  return `wrote ${counted(written.length, 'launcher')} in "${home.paths.bin}"`
}

const noIdentity = () => new ClawError('damaged-state', 'it needs an identity, and state.json does not read')

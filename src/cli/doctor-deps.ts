import type { DoctorDeps } from '../actions/doctor.ts'
import { homeChecks } from './doctor-home.ts'
import { keyChecks } from './doctor-keys.ts'
import { mender } from './doctor-mend.ts'
import { networkChecks } from './doctor-network.ts'
import { admit, type DoctorActions, type DoctorWishes } from './doctor-patient.ts'
import { programChecks } from './doctor-programs.ts'
import type { Home } from './home.ts'
import type { Terminal } from './terminal.ts'

/**
 * Every check of this machine, and what can be put right.
 *
 * @throws {ClawError} `not-set-up`
 */
export async function doctorDeps(
  home: Home,
  { progress }: Pick<Terminal, 'progress'>,
  { deep, ...actions }: DoctorWishes & DoctorActions,
): Promise<DoctorDeps> {
  const admitted = await admit(home)
  return {
    checks: async () => {
      const patient = await admit(home)
      return [
        ...homeChecks(patient),
        ...keyChecks(patient),
        ...programChecks(patient, { deep }),
        ...networkChecks(patient, actions),
      ]
    },
    clock: home.clock,
    mend: mender(admitted, actions),
    onProgress: (done, total) => progress(`checked ${done} of ${total}`),
  }
}

import type { KeepAlive, NoKeepAlive, ResidentJob } from './keep-alive.ts'
import { lingerState } from './linger.ts'
import {
  installService,
  removeUnits,
  restartUnit,
  type SystemdSession,
  systemdTrouble,
  unitFile,
  unitState,
} from './systemd.ts'
import { serviceText, type UserService } from './unit-text.ts'

/** Between an end and the next start: longer leaves a gap in the announcement, shorter burns CPU on what cannot run. */
const RESTART_SECONDS = 15

/**
 * This user's systemd as the keeper of one job; where it cannot be reached, only what was written can be taken away.
 */
export async function systemdKeepAlive(
  job: ResidentJob,
  session?: SystemdSession,
): Promise<KeepAlive | NoKeepAlive> {
  const service: UserService = {
    ...job,
    name: job.unit,
    when: { kind: 'always', restartSeconds: RESTART_SECONDS },
  }
  const unit = `${job.unit}.service`
  const stop = () => removeUnits([unit], session)
  const trouble = await systemdTrouble(session)
  if (trouble !== undefined)
    return { manager: 'none', reason: trouble.message, hint: trouble.hint ?? '', stop }
  const start = () => installService(service, session)
  return {
    manager: 'systemd',
    file: unitFile(unit, session),
    text: () => serviceText(service),
    start,
    stop,
    restart: async () => {
      if (!(await start())) await restartUnit(unit, session)
    },
    state: async () => {
      const state = await unitState(unit, session)
      return {
        isInstalled: state.text !== undefined && state.isEnabled,
        isCurrent: state.text !== undefined && state.text === serviceText(service),
        isLoaded: state.active !== 'inactive',
        pid: state.pid,
        lastExitCode: state.lastExitCode,
        startsAt: (await lingerState(session)).isOn ? 'boot' : 'login',
      }
    },
  }
}

import { join } from 'node:path'
import { cronTimes } from '../fleet/cron-times.ts'
import { ClawError } from '../fleet/error.ts'
import { scheduleShift } from '../fleet/shift.ts'
import { lingerState } from './linger.ts'
import { NOTHING, type PingJob, SCHEDULED, type Scheduler, type SchedulerState } from './scheduler.ts'
import {
  installService,
  installTimer,
  removeUnits,
  restartUnit,
  type SystemdSession,
  systemdTrouble,
  unitFile,
  unitState,
} from './systemd.ts'
import { serviceText, timerText, type UserService, type UserTimer } from './unit-text.ts'

/** This user's systemd as the scheduler: a timer, and the service it starts. */
export function systemdScheduler(job: PingJob, session?: SystemdSession): Scheduler {
  const { owner, unit } = job
  const log = join(job.logs, 'ping.log')
  const { everyMinutes, times } = cronTimes(job.intervalMinutes, every => scheduleShift(owner, every).minute)
  const service: UserService = {
    name: unit,
    description: 'claw-clan keep-alive pings',
    argv: [job.program, ...SCHEDULED],
    stdoutLog: log,
    stderrLog: log,
    when: { kind: 'on-demand' },
  }
  const timer: UserTimer = {
    name: unit,
    description: 'claw-clan keep-alive pings, by schedule',
    onCalendar: times.map(calendar),
    persistent: true,
  }
  const units = [`${unit}.timer`, `${unit}.service`] as const
  return {
    kind: 'systemd',
    everyMinutes,
    where: unitFile(units[0], session),
    get lines() {
      return timerText(timer).trimEnd().split('\n')
    },
    trouble: () => trouble(session),
    install: async () => {
      const wasService = await installService(service, session)
      return (await installTimer(timer, session)) || wasService
    },
    remove: () => removeUnits(units, session),
    state: () => stateOf(units, [timerText(timer), serviceText(service)], session),
    runSoon: async () => {
      // systemd answers when the run has ended; the run itself is what is waited for.
      restartUnit(units[1], session).catch(() => {})
      return { hasProof: false, [Symbol.asyncDispose]: async () => {} }
    },
  }
}

/** Crontab fields as a calendar time of systemd. */
const calendar = (line: string): string => {
  const [minutes, hours] = line.split(' ')
  return `*-*-* ${hours}:${minutes}:00`
}

async function trouble(session: SystemdSession | undefined): Promise<ClawError | undefined> {
  if (process.platform === 'linux') return await systemdTrouble(session)
  return new ClawError('bad-input', 'Cannot schedule by systemd: this is no Linux', {
    hint: 'Run "claw-setup schedule --scheduler launchd", or with cron',
  })
}

async function stateOf(
  [timer, service]: readonly [string, string],
  texts: readonly string[],
  session: SystemdSession | undefined,
): Promise<SchedulerState> {
  if ((await trouble(session)) !== undefined) return NOTHING
  const [clock, run, linger] = await Promise.all([
    unitState(timer, session),
    unitState(service, session),
    lingerState(session),
  ])
  const installed = clock.text !== undefined && clock.active === 'active'
  return {
    installed,
    matches: installed && clock.isEnabled && clock.text === texts[0] && run.text === texts[1],
    lines: (clock.text ?? '').trimEnd().split('\n'),
    daemonRunning: true,
    caveat: linger.isOn
      ? null
      : `Your systemd ends when you log out, and the pings with it: run "loginctl enable-linger ${linger.user}"`,
  }
}

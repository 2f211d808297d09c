import { type Finding, fine, note, problem, warning } from './finding.ts'

/** What is scheduled on this machine, as `claw-setup schedule` leaves it. */
export type ScheduleFacts = {
  readonly scheduler: 'cron' | 'launchd' | 'systemd' | 'none'
  readonly installed: boolean
  /** Installed with exactly what would be written now. */
  readonly matches: boolean
  readonly where: string | null
  readonly everyMinutes: number | null
  /** null where that cannot be told. */
  readonly daemonRunning: boolean | null
  readonly caveat: string | null
  /** The last run that a scheduler started. */
  readonly lastRun: {
    readonly startedAt: string
    readonly stale: boolean
    readonly failed: string | null
  } | null
  /** Other schedulers that ping too. */
  readonly others: readonly string[]
}

export type ScheduleSubject = {
  readonly state: ScheduleFacts
  /** There is somebody to ping. */
  readonly hasPeers: boolean
  readonly platform: string
}

const SCHEDULE = 'claw-setup schedule'

/** The pings come by themselves: written down, read by somebody, and seen not long ago. */
export function judgeSchedule(subject: ScheduleSubject): readonly Finding[] {
  const { state, hasPeers } = subject
  const { scheduler, installed, others, caveat } = state
  const twice = others.map(other =>
    warning('schedule', `${other} pings as well as ${scheduler}`, {
      next: scheduler === 'none' ? `${SCHEDULE} --scheduler ${other}` : SCHEDULE,
    }),
  )
  if (scheduler === 'none' || !installed) return [...unscheduled(subject), ...twice]
  const found = [
    ...(state.matches
      ? []
      : [
          warning('schedule', `What ${scheduler} has in "${state.where}" is not what claw-setup writes`, {
            next: SCHEDULE,
            fix: { kind: 'schedule' },
          }),
        ]),
    ...(state.daemonRunning === false ? [daemonIsDown(state, hasPeers)] : []),
    ...(state.daemonRunning === false ? [] : runTrouble(subject)),
    ...twice,
    ...(caveat === null ? [] : [note('schedule', caveat)]),
  ]
  return found.length > 0 ? found : [fine('schedule', `${scheduler} pings every ${state.everyMinutes} min`)]
}

function unscheduled({ state: { scheduler }, hasPeers }: ScheduleSubject): readonly Finding[] {
  const next = SCHEDULE
  if (scheduler === 'none')
    return [note('schedule', 'Nothing pings by itself: the setting "scheduler" is none', { next })]
  const say = hasPeers ? problem : note
  return [say('schedule', `Nothing pings by itself: ${scheduler} has no job of ours`, { next })]
}

function daemonIsDown({ scheduler }: ScheduleFacts, hasPeers: boolean): Finding {
  const say = hasPeers ? problem : warning
  const details = { next: DAEMONS[scheduler] ?? SCHEDULE }
  return say('schedule', `${scheduler} is not running, so nothing pings by itself`, details)
}

const DAEMONS: Readonly<Record<string, string>> = {
  cron: 'sudo systemctl enable --now cron',
  systemd: 'loginctl enable-linger',
}

/** It is there and read; does it lead to anything? */
function runTrouble({ state, hasPeers, platform }: ScheduleSubject): readonly Finding[] {
  const { scheduler, lastRun } = state
  const next =
    scheduler === 'cron' && platform === 'darwin'
      ? 'System Settings > Privacy & Security > Full Disk Access: add /usr/sbin/cron; or claw-setup schedule --scheduler launchd'
      : `read logs/ping.log, then ${SCHEDULE}`
  if (lastRun === null) return [note('schedule', `No run of ${scheduler} was seen yet`, { next })]
  if (lastRun.stale) {
    const say = hasPeers ? problem : note
    return [
      say('schedule', `${scheduler} started the last ping at ${lastRun.startedAt}, and none since`, { next }),
    ]
  }
  if (lastRun.failed === null) return []
  return [
    warning('schedule', `The last ping by ${scheduler} failed: ${lastRun.failed}`, {
      next: 'claw-ping, by hand',
    }),
  ]
}

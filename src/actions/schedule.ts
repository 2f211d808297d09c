import type { Scheduler, SchedulerKind } from '../adapters/scheduler.ts'
import { ClawError } from '../fleet/error.ts'
import { readScheduledResult, SCHEDULED_RUN } from '../fleet/scheduled-run.ts'
import type { Settings } from '../fleet/settings.ts'
import type { Run } from '../store/store.ts'
import { type FirstRun, type FirstRunDeps, firstRun } from './first-run.ts'
import { eachBut, isThere, schedulerOf } from './schedulers.ts'

export type ScheduleDeps = FirstRunDeps & {
  readonly schedulers: readonly Scheduler[]
  readonly settings: Pick<Settings, 'scheduler' | 'pingIntervalMinutes'>
  /** Write the setting `scheduler`. */
  readonly saveScheduler: (kind: Settings['scheduler']) => Promise<unknown>
  /** Whether this home has the program that is to be started. */
  readonly hasLauncher: () => boolean
}

export type ScheduleWishes = {
  /** The setting when absent, and cron where that says none. */
  readonly scheduler?: SchedulerKind | undefined
  /** Wait until a run that the scheduler started was recorded. */
  readonly wait: boolean
  readonly dryRun: boolean
}

/** The keys are a public interface. */
export type ScheduleResult = {
  readonly scheduler: SchedulerKind
  /** The interval it really keeps, and the one the settings ask for. */
  readonly everyMinutes: number
  readonly wantedMinutes: number
  /** `crontab`, or the path of a file. */
  readonly where: string
  /** What is written there. */
  readonly lines: readonly string[]
  readonly changed: boolean
  /** Schedulers whose older job was removed, or would be. */
  readonly removed: readonly SchedulerKind[]
  /** Whether a run from the schedule was seen before this was said. */
  readonly run: FirstRun['run']
  readonly warnings: readonly string[]
  readonly dryRun: boolean
}

/**
 * Have the fleet pinged by schedule from now on, by one scheduler alone.
 *
 * It is read back, and one run must have come from it, before it counts as done: `run` is `not-seen` otherwise. An
 * older job of another scheduler goes only after the new one stands.
 *
 * @throws {ClawError} `not-set-up` without the program to start; `bad-input` and `command-failed` where the scheduler
 *   cannot be used: nothing was changed then
 */
export async function schedulePings(
  deps: ScheduleDeps,
  { scheduler: wanted, wait, dryRun }: ScheduleWishes,
): Promise<ScheduleResult> {
  const { settings } = deps
  const kind = wanted ?? (settings.scheduler === 'none' ? 'cron' : settings.scheduler)
  const scheduler = schedulerOf(deps.schedulers, kind)
  const trouble = await scheduler.trouble()
  if (trouble !== undefined) throw trouble
  const { everyMinutes, where, lines } = scheduler
  const facts = { scheduler: kind, everyMinutes, wantedMinutes: settings.pingIntervalMinutes, where, lines }
  if (dryRun) return { ...facts, ...(await planned(deps, scheduler)), dryRun }
  if (!deps.hasLauncher()) throw noLauncher()
  return { ...facts, ...(await established(deps, scheduler, wait)), dryRun }
}

type Outcome = Pick<ScheduleResult, 'changed' | 'removed' | 'run' | 'warnings'>

async function planned({ schedulers }: ScheduleDeps, scheduler: Scheduler): Promise<Outcome> {
  const { matches } = await scheduler.state()
  const { kinds, warnings } = await eachBut(schedulers, scheduler.kind, isThere)
  return { changed: !matches, removed: kinds, run: 'not-awaited', warnings }
}

async function established(deps: ScheduleDeps, scheduler: Scheduler, wait: boolean): Promise<Outcome> {
  const { schedulers, settings, saveScheduler } = deps
  const { kind } = scheduler
  const changed = await scheduler.install()
  const { matches, daemonRunning, caveat } = await scheduler.state()
  if (!matches) throw notThere(scheduler)
  const removed = await eachBut(schedulers, kind, other => other.remove())
  if (settings.scheduler !== kind) await saveScheduler(kind)
  const first = await firstRun(deps, scheduler, { daemonRunning, wait })
  const caveats = caveat === null ? [] : [caveat]
  const warnings = [...removed.warnings, ...caveats, ...first.warnings]
  return { changed, removed: removed.kinds, run: first.run, warnings }
}

export type UnscheduleResult = {
  /** Schedulers whose job was removed, or would be. */
  readonly removed: readonly SchedulerKind[]
  readonly warnings: readonly string[]
  readonly dryRun: boolean
}

/**
 * Take the pings out of every scheduler, and say so in the settings.
 *
 * @param keepSetting  leave the setting as it is: for somebody who removes everything
 */
export async function unschedulePings(
  deps: Pick<ScheduleDeps, 'schedulers' | 'settings' | 'saveScheduler'>,
  { dryRun, keepSetting = false }: { readonly dryRun: boolean; readonly keepSetting?: boolean },
): Promise<UnscheduleResult> {
  const { kinds, warnings } = await eachBut(
    deps.schedulers,
    undefined,
    dryRun ? isThere : each => each.remove(),
  )
  if (!dryRun && !keepSetting && deps.settings.scheduler !== 'none') await deps.saveScheduler('none')
  return { removed: kinds, warnings, dryRun }
}

/** The keys are a public interface. */
export type ScheduleState = {
  /** What the settings say. */
  readonly scheduler: Settings['scheduler']
  readonly installed: boolean
  /** Installed with exactly what would be written now. */
  readonly matches: boolean
  readonly where: string | null
  readonly everyMinutes: number | null
  readonly lines: readonly string[]
  /** null where that cannot be told, and with scheduler `none`. */
  readonly daemonRunning: boolean | null
  readonly caveat: string | null
  /** The last run that a scheduler started; null when none ever was. */
  readonly lastRun: ScheduledRun | null
  /** Other schedulers that ping too. */
  readonly others: readonly SchedulerKind[]
}

export type ScheduledRun = {
  readonly startedAt: string
  readonly finishedAt: string
  readonly ageSeconds: number
  /** Older than two intervals. */
  readonly stale: boolean
  /** What stopped it; null when it went through. */
  readonly failed: string | null
}

/**
 * What is scheduled, whether anything reads it, and when it last led to a run.
 *
 * @throws {ClawError} `command-failed` when the scheduler of the settings cannot be asked
 */
export async function scheduleState(
  deps: Pick<ScheduleDeps, 'schedulers' | 'settings' | 'store' | 'clock'>,
): Promise<ScheduleState> {
  const { settings, store, clock } = deps
  const kind = settings.scheduler
  const run = await store.lastRun(SCHEDULED_RUN)
  const { kinds } = await eachBut(deps.schedulers, kind === 'none' ? undefined : kind, isThere)
  const lastRun = run === undefined ? null : scheduledRun(run, clock.now(), settings.pingIntervalMinutes)
  if (kind === 'none') return { scheduler: kind, ...NO_JOB, lastRun, others: kinds }
  const scheduler = schedulerOf(deps.schedulers, kind)
  const { where, everyMinutes } = scheduler
  return { scheduler: kind, where, everyMinutes, ...(await scheduler.state()), lastRun, others: kinds }
}

const NO_JOB = {
  installed: false,
  matches: false,
  where: null,
  everyMinutes: null,
  lines: [],
  daemonRunning: null,
  caveat: null,
} as const

function scheduledRun({ startedAt, finishedAt, result }: Run, now: Date, minutes: number): ScheduledRun {
  const ageSeconds = Math.max(0, Math.round((now.getTime() - Date.parse(startedAt)) / 1000))
  const { failed } = readScheduledResult(result)
  return { startedAt, finishedAt, ageSeconds, stale: ageSeconds > 2 * minutes * 60, failed }
}

const noLauncher = (): ClawError =>
  new ClawError('not-set-up', 'Cannot schedule pings: this home has no bin/claw-ping', {
    hint: 'Run "claw-setup" first',
  })

const notThere = ({ kind, where }: Scheduler): ClawError =>
  new ClawError('command-failed', `Cannot find in "${where}" what ${kind} was given`, {
    hint: 'Another program changes it: look there, then try again',
  })

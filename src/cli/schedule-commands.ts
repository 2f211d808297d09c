import type { schedulePings, unschedulePings } from '../actions/schedule.ts'
import { SCHEDULERS, type SchedulerKind } from '../adapters/scheduler.ts'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import { subcommand } from './command.ts'
import type { AnyCommand } from './command-shape.ts'
import { openHome } from './home.ts'
import { onInterrupt } from './interrupt.ts'
import { renderSchedule, renderUnschedule } from './render-schedule.ts'
import { scheduleDeps } from './schedule-deps.ts'

/** The use cases behind the subcommands. */
export type ScheduleActions = {
  readonly schedulePings: typeof schedulePings
  readonly unschedulePings: typeof unschedulePings
}

/** `claw-setup schedule` and `claw-setup unschedule`. */
export const scheduleCommands = (actions: ScheduleActions): Readonly<Record<string, AnyCommand>> => ({
  schedule: schedule(actions),
  unschedule: unschedule(actions),
})

const schedule = ({ schedulePings }: ScheduleActions) =>
  subcommand({
    name: 'claw-setup schedule',
    summary: 'Ping the fleet by schedule from now on, and wait for the first run to prove it',
    options: {
      scheduler: {
        type: 'string',
        value: 'KIND',
        help: 'cron, launchd or systemd (default: the setting "scheduler"); an older job elsewhere is removed',
      },
      'no-wait': { type: 'boolean', help: 'Do not wait for the first run (65 s with cron)' },
      'dry-run': { type: 'boolean', help: 'Show what would be written; changes nothing' },
    },
    example: 'claw-setup schedule --scheduler cron',
    failure:
      'Exit 1 with the job in place means that no run came from it: the line says what to look at. Your other crontab lines are never touched; the crontab before is in the home, in backups/.',
    run: async ({ options, terminal, home: given }) => {
      const scheduler = parseScheduler(options.scheduler)
      await using home = await openHome({ home: given, terminal })
      using interruption = onInterrupt(stoppedWaiting())
      const deps = await scheduleDeps(home, terminal, interruption.signal)
      const dryRun = options['dry-run'] ?? false
      return await schedulePings(deps, { scheduler, wait: !(options['no-wait'] ?? false), dryRun })
    },
    render: (result, { terminal, quiet }) =>
      quiet && !result.dryRun && result.warnings.length === 0 ? '' : renderSchedule(result, terminal),
    exitCode: ({ run }) => (run === 'not-seen' ? 1 : 0),
  })

const unschedule = ({ unschedulePings }: ScheduleActions) =>
  subcommand({
    name: 'claw-setup unschedule',
    summary: 'Take the pings out of cron, launchd and systemd; the setting "scheduler" becomes "none"',
    options: { 'dry-run': { type: 'boolean', help: 'Show what would be removed; changes nothing' } },
    example: 'claw-setup unschedule',
    failure: 'What is already gone stays gone: run it again for the rest.',
    run: async ({ options, terminal, home: given }) => {
      await using home = await openHome({ home: given, terminal }, true)
      const deps = await scheduleDeps(home, terminal)
      return await unschedulePings(deps, { dryRun: options['dry-run'] ?? false })
    },
    render: (result, { terminal, quiet }) =>
      quiet && result.warnings.length === 0 ? '' : renderUnschedule(result, terminal),
    exitCode: ({ warnings }) => (warnings.length > 0 ? 1 : 0),
  })

function parseScheduler(given: string | undefined): SchedulerKind | undefined {
  const kind = SCHEDULERS.find(each => each === given)
  if (given === undefined || kind !== undefined) return kind
  throw new ClawError(
    'bad-input',
    `Cannot use "${printable(given)}" for --scheduler: it must be ${SCHEDULERS.join(', ')}`,
  )
}

const stoppedWaiting = (): ClawError =>
  new ClawError('cancelled', 'Stopped waiting: the schedule is in place, and unproved', {
    hint: 'Run "claw-doctor" in an interval from now: it tells whether runs come',
  })

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ScheduleDeps } from '../actions/schedule.ts'
import type { PingJob, Scheduler } from '../adapters/scheduler.ts'
import { ClawError } from '../fleet/error.ts'
import type { ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

/** Longest wait for other edits of the crontab from this home; macOS takes a second for each. */
const EDIT_WAIT_MS = 30_000

/**
 * Everything it takes to schedule the pings of this home, and to look at what is scheduled.
 *
 * @param signal  ends the wait for the first run
 */
export async function scheduleDeps(
  home: ReadyHome,
  { progress }: Pick<Terminal, 'progress'>,
  signal?: AbortSignal,
): Promise<ScheduleDeps> {
  const { settings, store, clock } = home
  const [{ newNonce }, schedulers] = await Promise.all([import('../adapters/ids.ts'), openSchedulers(home)])
  return {
    schedulers,
    settings,
    store,
    clock,
    saveScheduler: scheduler => saveScheduler(home, scheduler),
    hasLauncher: () => existsSync(programOf(home)),
    newProof: newNonce,
    onProgress: progress,
    ...(signal === undefined ? {} : { signal }),
  }
}

const programOf = ({ paths }: Pick<ReadyHome, 'paths'>): string => join(paths.bin, 'claw-ping')

/** Every scheduler there is, with the ping job of this home. */
async function openSchedulers(home: ReadyHome): Promise<readonly Scheduler[]> {
  const { paths, self, settings, clock } = home
  const [{ cronScheduler }, { launchdScheduler }, { systemdScheduler }, { jobName }, place] =
    await Promise.all([
      import('../adapters/scheduler-cron.ts'),
      import('../adapters/scheduler-launchd.ts'),
      import('../adapters/scheduler-systemd.ts'),
      import('../adapters/job-name.ts'),
      crontabPlace(home),
    ])
  const job: PingJob = {
    owner: self.gatewayId,
    program: programOf(home),
    logs: paths.logs,
    intervalMinutes: settings.pingIntervalMinutes,
    label: jobName('com.openclaw.claw-clan-ping', paths.home),
    unit: jobName('claw-clan-ping', paths.home),
  }
  return [cronScheduler(job, place, clock.now), launchdScheduler(job), systemdScheduler(job)]
}

/** This user's crontab, to be edited by one process of this home at a time. */
export async function crontabPlace({ paths, clock }: Pick<ReadyHome, 'paths' | 'clock'>) {
  const { acquireLock } = await import('../store/lock.ts')
  const holder = { program: 'claw-setup', pid: process.pid, startedAt: clock.now().toISOString() }
  const request = { directory: paths.locks, name: 'crontab', waitMs: EDIT_WAIT_MS, holder, clock }
  return {
    backups: paths.backups,
    exclusively: async <T>(work: () => Promise<T>): Promise<T> => {
      using lock = await acquireLock(request)
      if (lock !== undefined) return await work()
      throw new ClawError(
        'busy',
        `Cannot edit your crontab: another run of this home holds it for ${EDIT_WAIT_MS} ms`,
      )
    },
  }
}

async function saveScheduler(
  { paths, clock }: ReadyHome,
  scheduler: ScheduleDeps['settings']['scheduler'],
): Promise<void> {
  const [{ settingsPath }, { changeSettings }] = await Promise.all([
    import('../adapters/settings-file.ts'),
    import('../store/settings-document.ts'),
  ])
  const file = settingsPath(paths, process.env)
  if (file !== undefined && file !== paths.config)
    throw new ClawError('bad-settings', `Cannot write the scheduler into "${file}", which only you write`, {
      hint: `All else is done: write "scheduler: ${scheduler}" there`,
    })
  await changeSettings({ paths, clock }, { scheduler })
}

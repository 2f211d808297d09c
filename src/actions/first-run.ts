import type { Clock } from '../adapters/clock.ts'
import type { Scheduler, SchedulerKind } from '../adapters/scheduler.ts'
import { readScheduledResult, SCHEDULED_RUN } from '../fleet/scheduled-run.ts'
import type { FleetStore, Run } from '../store/store.ts'

export type FirstRunDeps = {
  readonly store: Pick<FleetStore, 'lastRun'>
  readonly clock: Clock
  /** Text nobody else can have given to a run. */
  readonly newProof: () => string
  readonly onProgress: (text: string) => void
  /** Ends the wait; what the scheduler needed for it is taken away first. */
  readonly signal?: AbortSignal
}

/** Whether a run from the schedule was seen, and what the owner should know about it. */
export type FirstRun = {
  readonly run: 'seen' | 'not-seen' | 'not-awaited'
  readonly warnings: readonly string[]
}

/** cron looks at a changed crontab once a minute, others wait for this machine's second; a run takes up to one more. */
export const RUN_WITHIN_MS = 150_000
const LOOK_EVERY_MS = 500

/**
 * Have the scheduler start one run, and wait until that run has told of itself.
 *
 * @param daemonRunning  whether anything reads what was scheduled; null where that is not known
 * @throws {ClawError} what the signal was aborted with
 */
export async function firstRun(
  deps: FirstRunDeps,
  scheduler: Scheduler,
  { daemonRunning, wait }: { readonly daemonRunning: boolean | null; readonly wait: boolean },
): Promise<FirstRun> {
  const { kind } = scheduler
  if (daemonRunning === false)
    return {
      run: wait ? 'not-seen' : 'not-awaited',
      warnings: [`${kind} is not running here. ${START[kind]}`],
    }
  if (!wait) return { run: 'not-awaited', warnings: [] }
  const found = await provoke(deps, scheduler).finally(() => deps.onProgress(''))
  if (found === undefined) {
    const seconds = RUN_WITHIN_MS / 1000
    const why = `${kind} has the job, and no run came from it within ${seconds} s`
    return { run: 'not-seen', warnings: [`${why}. ${LOOK[kind]}; logs/ping.log may tell more`] }
  }
  const { failed } = readScheduledResult(found.result)
  return {
    run: 'seen',
    warnings: failed === null ? [] : [`${kind} started claw-ping, and claw-ping failed: ${failed}`],
  }
}

const START: Readonly<Record<SchedulerKind, string>> = {
  cron: 'Start it ("systemctl enable --now cron", or crond, as root), or run "claw-setup schedule --scheduler systemd"',
  launchd: 'Use "claw-setup schedule --scheduler cron"',
  systemd: 'Use "claw-setup schedule --scheduler cron"',
}

const LOOK: Readonly<Record<SchedulerKind, string>> = {
  cron: 'Is the cron service running? On a Mac, /usr/sbin/cron may need Full Disk Access (System Settings, Privacy & Security); "--scheduler launchd" does without',
  launchd: 'Run "launchctl list | grep claw-clan"',
  systemd: 'Run "systemctl --user list-timers"',
}

async function provoke(deps: FirstRunDeps, scheduler: Scheduler): Promise<Run | undefined> {
  const { store, clock, signal, onProgress } = deps
  const proof = deps.newProof()
  const since = clock.now().toISOString()
  await using soon = await scheduler.runSoon(proof)
  const isIt = ({ startedAt, result }: Run): boolean =>
    soon.hasProof ? readScheduledResult(result).proof === proof : startedAt >= since
  const beganAt = clock.monotonicMs()
  for (;;) {
    const run = await store.lastRun(SCHEDULED_RUN)
    if (run !== undefined && isIt(run)) return run
    const waitedMs = clock.monotonicMs() - beganAt
    if (waitedMs >= RUN_WITHIN_MS) return undefined
    const seconds = Math.round(waitedMs / 1000)
    onProgress(`waiting for the first run from ${scheduler.kind}: ${seconds} s, mostly within 65 s`)
    await clock.sleep(LOOK_EVERY_MS, signal).catch(error => {
      signal?.throwIfAborted() // with its own words
      throw error
    })
  }
}

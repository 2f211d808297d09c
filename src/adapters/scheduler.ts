import type { ClawError } from '../fleet/error.ts'
import type { GatewayId } from '../fleet/parse.ts'

/** claw-ping, as a scheduler is told to start it. */
export type PingJob = {
  /** Names the block in the crontab, and decides the minute. */
  readonly owner: GatewayId
  /** Absolute path of this home's `bin/claw-ping`. */
  readonly program: string
  /** Absolute path of the folder that takes `ping.log`. */
  readonly logs: string
  /** What is wanted; 1..1440. */
  readonly intervalMinutes: number
  /** Its label in launchd. */
  readonly label: string
  /** Its units in systemd, without `.timer` and `.service`. */
  readonly unit: string
}

export const SCHEDULERS = ['cron', 'launchd', 'systemd'] as const
export type SchedulerKind = (typeof SCHEDULERS)[number]

export type SchedulerState = {
  readonly installed: boolean
  /** Installed, with exactly what `install` would write now. */
  readonly matches: boolean
  /** What is installed: crontab lines, or the lines of a file. */
  readonly lines: readonly string[]
  /** Whether anything reads it; null where that cannot be told. */
  readonly daemonRunning: boolean | null
  /** What keeps it from running at all times, and what to do; one sentence, or null. */
  readonly caveat: string | null
}

/** One way to have claw-ping started on this machine, with one job to keep. Every method can be repeated. */
export type Scheduler = {
  readonly kind: SchedulerKind
  /** The interval it really keeps, not above the wanted one. */
  readonly everyMinutes: number
  /** Where the job is written: `crontab`, or the path of a file. */
  readonly where: string
  /** What `install` writes there; crontab lines, or the lines of a file. */
  readonly lines: readonly string[]
  /** Why it cannot be used on this machine; undefined when it can. */
  readonly trouble: () => Promise<ClawError | undefined>
  /** @returns whether anything was changed. @throws {ClawError} nothing was changed then */
  readonly install: () => Promise<boolean>
  /** @returns whether there was anything to remove */
  readonly remove: () => Promise<boolean>
  readonly state: () => Promise<SchedulerState>
  /**
   * Have it start one run as soon as it can. Disposing takes away what that needed.
   *
   * @param proof  given to the run as `--proof` where the scheduler can; else the run is any that begins now
   */
  readonly runSoon: (proof: string) => Promise<AsyncDisposable & { readonly hasProof: boolean }>
}

/** The arguments of every scheduled run. */
export const SCHEDULED = ['--scheduled', '--quiet'] as const

/** The state where nothing is installed and nothing would run it. */
export const NOTHING: SchedulerState = {
  installed: false,
  matches: false,
  lines: [],
  daemonRunning: false,
  caveat: null,
}

import type { ProgramCall } from '../fleet/program-call.ts'

/** A program that a service manager keeps running. */
export type ResidentJob = ProgramCall & {
  /** Its label in launchd. */
  readonly label: string
  /** Its unit in systemd, without `.service`. */
  readonly unit: string
  readonly description: string
}

/** What a service manager makes of a job. That its process runs does not mean that it does its work. */
export type KeepAliveState = {
  /** It starts again by itself: at boot or login, and whenever it ends. */
  readonly isInstalled: boolean
  /** Its file says what `start` would write now. */
  readonly isCurrent: boolean
  readonly isLoaded: boolean
  /** Undefined while no process of it runs. */
  readonly pid: number | undefined
  /** Of its last process; undefined before that. */
  readonly lastExitCode: number | undefined
  /** `login` where the manager itself starts only when the user logs in. */
  readonly startsAt: 'boot' | 'login'
}

/** A service manager, with one job to keep. Every method can be repeated. */
export type KeepAlive = {
  readonly manager: 'launchd' | 'systemd'
  /** Where the job is written. */
  readonly file: string
  /** What is written there. @throws {ClawError} `bad-input` when that cannot be said; then only `start` needs it */
  readonly text: () => string
  /** Run it from now on. @returns false when it was so already, with this very text and a process */
  readonly start: () => Promise<boolean>
  /** End it for good. @returns whether there was anything to end */
  readonly stop: () => Promise<boolean>
  /** End its process and start it anew, with the text of today. */
  readonly restart: () => Promise<void>
  readonly state: () => Promise<KeepAliveState>
}

/** No service manager can be used here, now. */
export type NoKeepAlive = Pick<KeepAlive, 'stop'> & {
  readonly manager: 'none'
  readonly reason: string
  readonly hint: string
}

/** The service manager of this machine: launchd on macOS, else this user's systemd where it can be reached. */
export async function chooseKeepAlive(
  job: ResidentJob,
  platform = process.platform,
): Promise<KeepAlive | NoKeepAlive> {
  if (platform === 'darwin') return (await import('./keep-alive-launchd.ts')).launchdKeepAlive(job)
  const { systemdKeepAlive } = await import('./keep-alive-systemd.ts')
  return await systemdKeepAlive(job)
}

import type { Clock } from '../adapters/clock.ts'
import type { KeepAlive, KeepAliveState, NoKeepAlive } from '../adapters/keep-alive.ts'
import type { BrowseReading, browse } from '../adapters/mdns-browse.ts'
import type { Presence } from '../adapters/presence.ts'
import { type AnnouncementState, announcementState, ownSightings } from '../fleet/announcement-state.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { Sighting } from '../fleet/service.ts'

export type KeepAnnouncedDeps = {
  readonly self: Identity
  readonly keepAlive: KeepAlive | NoKeepAlive
  /** Who holds the place of this home's announcer; process id 0 when it is there and does not answer. */
  readonly announcer: () => Promise<Presence | undefined>
  readonly browse: typeof browse
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  /** Every IPv4 address of this machine (`ownAddresses()`). */
  readonly ownAddresses: () => readonly string[]
  readonly clock: Clock
  readonly onProgress?: (step: string) => void
}

/** The announcement as it is now, and whether this run changed the service manager's job. */
export type StartResult = AnnouncementState & { readonly changed: boolean }

export type StopResult = {
  /** False when there was nothing to end. */
  readonly stopped: boolean
  /** A process that goes on announcing: no service manager keeps it. */
  readonly process: { readonly pid: number | null } | null
}

/** Three questions, at 0, 1 and 3 s, and time for the answer to the last one; it ends early once we are heard. */
const LISTEN_MS = 4_000
/** A first start compiles the program: 1 s here, several on a small machine under load. */
const RUNNING_WITHIN_MS = 20_000
/** A program that ended at once is started again after 15 s, and ends again. */
const ENDED_FOR_MS = 3_000
const HEARD_WITHIN_MS = 15_000
const GONE_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 200

/**
 * Look whether this machine is really announced: on the network first, then at the process and its keeper.
 *
 * @throws {ClawError} what the service manager cannot tell
 */
export async function lookAtAnnouncement(deps: KeepAnnouncedDeps): Promise<AnnouncementState> {
  const { self, keepAlive, announcer } = deps
  const reading = await listen(deps)
  const [holder, job] = await Promise.all([announcer(), jobOf(keepAlive)])
  return announcementState({
    self,
    sightings: reading?.sightings,
    troubles: reading?.troubles ?? [],
    ownAddresses: deps.ownAddresses(),
    announcer: holder,
    manager: keepAlive.manager,
    job: job === undefined || keepAlive.manager === 'none' ? undefined : { ...job, file: keepAlive.file },
  })
}

/**
 * Keep this machine announced from now on; done only when it was heard on the network.
 *
 * @throws {ClawError} `no-keeper`; `no-network` when it runs and is not heard, `command-failed` when it does not run (then the
 *   job stays installed) or when a process announces that the manager does not keep
 */
export async function startAnnouncing(deps: KeepAnnouncedDeps): Promise<StartResult> {
  const keepAlive = keeperOf(deps.keepAlive)
  await stopForForeign(deps, keepAlive)
  deps.onProgress?.(`handing it to ${keepAlive.manager}`)
  const changed = await keepAlive.start()
  return { ...(await proven(deps, keepAlive)), changed }
}

/** As `startAnnouncing`, with a new process. @throws {ClawError} also `command-failed` when it was not started */
export async function restartAnnouncing(deps: KeepAnnouncedDeps): Promise<StartResult> {
  const keepAlive = keeperOf(deps.keepAlive)
  const { isInstalled } = await keepAlive.state()
  if (!isInstalled) {
    throw new ClawError(
      'command-failed',
      `Cannot restart: ${keepAlive.manager} does not keep this machine announced`,
      {
        hint: 'Run "claw-register start"',
      },
    )
  }
  await stopForForeign(deps, keepAlive)
  deps.onProgress?.(`restarting it by ${keepAlive.manager}`)
  await keepAlive.restart()
  return { ...(await proven(deps, keepAlive)), changed: true }
}

/** End the announcement for good: it does not come back at boot either. It needs no identity. */
export async function stopAnnouncing(
  deps: Pick<KeepAnnouncedDeps, 'keepAlive' | 'announcer' | 'clock'>,
): Promise<StopResult> {
  const { keepAlive, announcer, clock } = deps
  const kept = keepAlive.manager === 'none' ? undefined : (await keepAlive.state()).pid
  const stopped = await keepAlive.stop()
  const holder = async () => {
    const found = await announcer()
    return found === undefined || kept === undefined || found.pid !== kept
  }
  if (stopped) await until(clock, GONE_WITHIN_MS, holder)
  const left = await announcer()
  return { stopped, process: left === undefined ? null : { pid: left.pid || null } }
}

function keeperOf(keepAlive: KeepAlive | NoKeepAlive): KeepAlive {
  if (keepAlive.manager !== 'none') return keepAlive
  throw new ClawError('no-keeper', `Cannot keep this machine announced: ${keepAlive.reason}`, {
    hint: keepAlive.hint,
  })
}

const jobOf = async (keepAlive: KeepAlive | NoKeepAlive): Promise<KeepAliveState | undefined> =>
  keepAlive.manager === 'none' ? undefined : await keepAlive.state()

/** Two announcers of one home would take turns: the second one ends, and is started again for ever. */
async function stopForForeign({ announcer }: KeepAnnouncedDeps, keepAlive: KeepAlive): Promise<void> {
  const holder = await announcer()
  if (holder === undefined || holder.pid === 0) return
  const { pid } = await keepAlive.state()
  if (holder.pid === pid) return
  throw new ClawError(
    'command-failed',
    `Cannot start: process ${holder.pid} announces this machine already, and ${keepAlive.manager} does not keep it`,
    { hint: `End process ${holder.pid} ("claw-register run" in some terminal), then run this again` },
  )
}

/** Wait for the process to take its place, then for the network to tell of it. */
async function proven(deps: KeepAnnouncedDeps, keepAlive: KeepAlive): Promise<AnnouncementState> {
  const { clock, onProgress } = deps
  onProgress?.('waiting for its process')
  const isRunning = await takesItsPlace(deps, keepAlive)
  onProgress?.('listening for it on the network')
  const startedAt = clock.monotonicMs()
  let state = await lookAtAnnouncement(deps)
  while (isRunning && !state.announced && clock.monotonicMs() - startedAt < HEARD_WITHIN_MS)
    state = await lookAtAnnouncement(deps)
  if (isRunning && state.announced) return state
  const [warning = 'its process does not take its place'] = state.warnings
  throw new ClawError(isRunning ? 'no-network' : 'command-failed', `Started, and not announced: ${warning}`, {
    hint: state.next ?? 'Read logs/mdns-register-err.log in its home',
  })
}

/** @returns false when it does not in time, or has ended */
async function takesItsPlace(
  { clock, announcer }: Pick<KeepAnnouncedDeps, 'clock' | 'announcer'>,
  keepAlive: KeepAlive,
): Promise<boolean> {
  let endedAt: number | undefined
  const isRunning = async () => {
    const [{ pid, lastExitCode }, holder] = await Promise.all([keepAlive.state(), announcer()])
    const hasEnded = pid === undefined && lastExitCode !== undefined
    endedAt = hasEnded ? (endedAt ?? clock.monotonicMs()) : undefined
    return pid !== undefined && pid === holder?.pid
  }
  const isOver = async () =>
    (await isRunning()) || (endedAt !== undefined && clock.monotonicMs() - endedAt > ENDED_FOR_MS)
  return (await until(clock, RUNNING_WITHIN_MS, isOver)) && endedAt === undefined
}

/** @returns undefined when no network can be listened on */
async function listen(deps: KeepAnnouncedDeps): Promise<BrowseReading | undefined> {
  const { self, clock, interfaces } = deps
  const isComplete = (sightings: readonly Sighting[]) =>
    ownSightings({ self, sightings, ownAddresses: deps.ownAddresses() }).length > 0
  try {
    return await deps.browse({ durationMs: LISTEN_MS, isComplete, expected: [], interfaces, clock })
  } catch (error) {
    if (error instanceof ClawError && error.code === 'no-network') return undefined
    throw error
  }
}

/** @returns whether the condition came true in time */
async function until(
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  ms: number,
  holds: () => Promise<boolean>,
): Promise<boolean> {
  const startedAt = clock.monotonicMs()
  while (!(await holds())) {
    if (clock.monotonicMs() - startedAt > ms) return false
    await clock.sleep(LOOK_EVERY_MS)
  }
  return true
}

import type { KeepAnnouncedDeps } from './keep-announced.ts'

export type RenewDeps = Pick<KeepAnnouncedDeps, 'keepAlive' | 'announcer' | 'clock'>

/** A first start compiles the program: 1 s here, several on a small machine under load. */
const RUNNING_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 200

/**
 * Start the announcer anew, from the version that is in use now, where it runs and our own service keeps it. One that
 * somebody started by hand, or that is stopped, stays as it is.
 *
 * @returns whether a new process has taken the place of the old one
 * @throws {ClawError} what the service manager says
 */
export async function renewAnnouncing({ keepAlive, announcer, clock }: RenewDeps): Promise<boolean> {
  const before = await announcer()
  if (keepAlive.manager === 'none' || before === undefined || before.pid === 0) return false
  const { isInstalled, pid } = await keepAlive.state()
  if (!isInstalled || pid !== before.pid) return false
  await keepAlive.restart()
  const startedAt = clock.monotonicMs()
  while (clock.monotonicMs() - startedAt < RUNNING_WITHIN_MS) {
    const now = await announcer()
    if (now !== undefined && now.pid !== 0 && now.pid !== before.pid) return true
    await clock.sleep(LOOK_EVERY_MS)
  }
  return false
}

import type { Scheduler, SchedulerKind } from '../adapters/scheduler.ts'
import { ClawError } from '../fleet/error.ts'

/** The scheduler of this kind. */
export function schedulerOf(schedulers: readonly Scheduler[], kind: SchedulerKind): Scheduler {
  const found = schedulers.find(each => each.kind === kind)
  if (found === undefined) throw new Error(`No scheduler "${kind}"`)
  return found
}

/** Whether a scheduler has a job of this home, of whatever age. */
export const isThere = async (scheduler: Scheduler): Promise<boolean> =>
  (await scheduler.state()).lines.length > 0

/** Of which schedulers something was so, and why others could not be asked. */
export type Found = { readonly kinds: readonly SchedulerKind[]; readonly warnings: readonly string[] }

/** Ask each scheduler but one, one after another. One that cannot be asked is no reason to stop. */
export async function eachBut(
  schedulers: readonly Scheduler[],
  but: SchedulerKind | undefined,
  ask: (scheduler: Scheduler) => Promise<boolean>,
): Promise<Found> {
  const kinds: SchedulerKind[] = []
  const warnings: string[] = []
  for (const scheduler of schedulers.filter(({ kind }) => kind !== but)) {
    try {
      if (await ask(scheduler)) kinds.push(scheduler.kind)
    } catch (error) {
      if (!(error instanceof ClawError)) throw error
      const next = error.hint === undefined ? '' : `; ${error.hint}`
      warnings.push(`${scheduler.kind}: ${error.message}${next}`)
    }
  }
  return { kinds, warnings }
}

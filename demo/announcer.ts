import { setTimeout as sleep } from 'node:timers/promises'
import { DemoProblem } from './problem.ts'
import type { Job, Programs, Running } from './programs.ts'

/** A machine's `claw-register run`. */
export type Announcer = {
  /** Returns once the machine is announced. */
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A second is usual; the rest is for a slow computer. */
const PATIENCE_MS = 8_000

export function makeAnnouncer(id: string, programs: Programs, job: () => Job): Announcer {
  let running: Running | undefined
  const start = async () => {
    const started = programs.keep(job())
    running = started
    if (await isAnnounced(started)) return
    throw new DemoProblem(`claw-register did not announce ${id} on the loopback interface`, started.printed())
  }
  const stop = async () => {
    await running?.stop()
    running = undefined
  }
  return { start, stop }
}

/** @returns false when it ended, or did not say so in time */
async function isAnnounced({ printed, ended }: Running): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS
  const hasEnded = ended.then(() => true)
  while (!printed().includes('Announced as')) {
    if ((await Promise.race([hasEnded, sleep(50)])) === true || performance.now() > deadline) return false
  }
  return true
}

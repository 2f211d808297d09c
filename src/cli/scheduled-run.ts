import { join } from 'node:path'
import { systemClock } from '../adapters/clock.ts'
import { keepLogShort } from '../adapters/own-log.ts'
import { SCHEDULED_RUN, type ScheduledResult } from '../fleet/scheduled-run.ts'
import { type ReadyHome, waitForOwnSecond } from './home.ts'
import type { Options } from './option.ts'
import type { Terminal } from './terminal.ts'

/** The flags a scheduler starts claw-ping with. */
export const SCHEDULED_FLAGS = {
  scheduled: {
    type: 'boolean',
    help: "Wait for this machine's own second (0..59) first; for cron and its kin",
  },
  proof: {
    type: 'string',
    value: 'TEXT',
    help: 'With --scheduled: do not wait, and remember this text with the run (claw-setup schedule looks for it)',
  },
} as const satisfies Options

type Started = { readonly terminal: Pick<Terminal, 'warn'>; readonly proof: string | undefined }

/**
 * A run that a scheduler started: in this machine's own second, with its log kept short, and remembered as such,
 * however it ends.
 */
export async function scheduledRun<R>(
  home: ReadyHome,
  { terminal, proof }: Started,
  run: () => Promise<R>,
): Promise<R> {
  keepLogShort(1, join(home.paths.logs, 'ping.log'))
  if (proof === undefined) await waitForOwnSecond(home)
  const startedAt = home.clock.now().toISOString()
  const remember = (failed: string | null) => {
    const result: ScheduledResult = { proof: proof ?? null, failed }
    const finishedAt = home.clock.now().toISOString()
    return home.store.recordRun({ program: SCHEDULED_RUN, startedAt, finishedAt, result })
  }
  try {
    const result = await run()
    await remember(null)
    return result
  } catch (error) {
    terminal.warn(`the scheduled run of ${startedAt} failed`)
    await remember(error instanceof Error ? error.message : String(error)).catch(() => {})
    throw error
  }
}

/** What a scheduled run prints goes to a log, where it needs its time. */
export const dated = (text: string, isScheduled: boolean | undefined): string =>
  isScheduled === true && text !== '' ? `${systemClock.now().toISOString()}\n${text}\n` : text

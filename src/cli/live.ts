import type { StatusResult } from '../actions/status.ts'
import { ClawError } from '../fleet/error.ts'
import type { ReadyHome } from './home.ts'
import { renderStatus } from './render.ts'
import type { Terminal } from './terminal.ts'

/** A person reads slower than this; each look costs a few file reads. */
const REFRESH_MS = 2_000

/**
 * Show the status again and again until Ctrl-C, then return the last one.
 *
 * @throws {ClawError} `bad-input` where there is no terminal to show it on
 */
export async function watchStatus(
  look: () => Promise<StatusResult>,
  {
    terminal,
    json,
    clock,
  }: { readonly terminal: Terminal; readonly json: boolean; readonly clock: ReadyHome['clock'] },
): Promise<StatusResult> {
  if (!terminal.isTty || json) {
    throw new ClawError('bad-input', '--watch needs a terminal', {
      hint: 'Leave it out, or call claw-status again and again',
    })
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let status = await look()
  while (!stop.signal.aborted) {
    process.stdout.write(`\u001b[H\u001b[2J${renderStatus(status, terminal)}\n\nCtrl-C ends this\n`)
    await clock.sleep(REFRESH_MS, stop.signal).catch(() => undefined)
    if (!stop.signal.aborted) status = await look()
  }
  process.stdout.write('\u001b[H\u001b[2J')
  return status
}

import { ClawError } from '../fleet/error.ts'
import type { CrontabText } from '../fleet/schedule.ts'
import { quoteValue } from '../fleet/text.ts'
import { type ProgramResult, runProgram } from './process.ts'

const TIMEOUT_MS = 30_000

/**
 * What `crontab -l` shows, one character per byte; empty where there is no crontab.
 *
 * @throws {ClawError} `command-failed` for any other reason to show nothing
 */
export async function listCrontab(
  command: string,
  env: Record<string, string | undefined>,
): Promise<CrontabText> {
  const said = await runCrontab(command, ['-l'], { env: { ...env, LC_ALL: 'C' } })
  if (said.code === 0) return said.stdout
  if (said.stdout === '' && said.stderr.includes('no crontab for')) return ''
  throw refused('read', said, 'Nothing was written')
}

/**
 * The crontab as an editor gets it, which is as it was written, except that up to three first comments may be missing.
 *
 * @param listed  the same crontab as it is listed
 * @throws {ClawError} `command-failed` when the two cannot be brought together
 */
export async function asWritten(command: string, listed: CrontabText): Promise<CrontabText> {
  const env = { VISUAL: 'cat', EDITOR: 'cat', LC_ALL: 'C' }
  const edited = await runCrontab(command, ['-e'], { env })
  if (edited.code !== 0) throw refused('read', edited, 'Nothing was written')
  const text = edited.stdout
  const escaped = text.replaceAll('\r', '\\r').replaceAll('\b', '\\b')
  const shown = [text, escaped].find(form => listed.endsWith(form))
  const first = shown === undefined ? undefined : listed.slice(0, listed.length - shown.length)
  if (first !== undefined && !/\\[rb]/.test(first)) return first + text
  throw new ClawError(
    'command-failed',
    'Cannot read your crontab: "crontab" lists and edits different texts',
    {
      hint: 'Nothing was written. Take carriage returns out of its first comments with "crontab -e", then try again',
    },
  )
}

type RunOptions = {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
}

/** Run `crontab`; its output is one character per byte. @throws {ClawError} `command-failed` without it */
export async function runCrontab(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<ProgramResult> {
  try {
    return await runProgram(command, args, { ...options, timeoutMs: TIMEOUT_MS, encoding: 'latin1' })
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'command-failed') throw error
    throw new ClawError('command-failed', error.message, {
      hint: 'Install cron, or use another way: claw-setup schedule --scheduler systemd (launchd on a Mac)',
      cause: error,
    })
  }
}

/** The error for what `crontab` refused; `state` says what became of the crontab. */
export function refused(verb: 'read' | 'write', { code, stderr }: ProgramResult, state: string): ClawError {
  const said = stderr.trim() === '' ? `ended with ${code}` : `says ${quoteValue(stderr.trim())}`
  return new ClawError('command-failed', `Cannot ${verb} your crontab: "crontab" ${said}`, {
    hint: `${state}. ${nextStep(stderr)}`,
  })
}

function nextStep(said: string): string {
  if (/not allowed|denied by/i.test(said))
    return 'Have your name allowed in cron.allow or taken out of cron.deny, or use claw-setup schedule --scheduler systemd'
  if (/newline/.test(said))
    return 'The last line of your crontab has no line break: add it with "crontab -e", then try again'
  if (/operation not permitted/i.test(said))
    return 'On a Mac give your terminal Full Disk Access (System Settings, Privacy & Security), or use claw-setup schedule --scheduler launchd'
  return 'Correct this and try again'
}

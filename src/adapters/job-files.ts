import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import type { ProgramCall } from '../fleet/program-call.ts'
import { quoteValue } from '../fleet/text.ts'
import { replaceFile } from './whole-file.ts'

/** Text of a small file; undefined when there is none. @throws {ClawError} `command-failed` when it cannot be read */
export function readJobFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw failed(error, `Cannot read ${quoteValue(file)}`)
  }
}

/** Write a service manager's file whole, 0600; its folder is made when missing. @throws {ClawError} `command-failed` */
export function writeJobFile(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    replaceFile(file, text, 0o600)
  } catch (error) {
    throw failed(error, `Cannot write ${quoteValue(file)}`)
  }
}

/** @returns whether it was there. @throws {ClawError} `command-failed` */
export function removeJobFile(file: string): boolean {
  try {
    rmSync(file)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw failed(error, `Cannot remove ${quoteValue(file)}`)
  }
}

/**
 * Make the log files before a service manager does: for their owner alone, whatever its umask.
 *
 * @throws {ClawError} `command-failed`
 */
export function makeLogFiles({ stdoutLog, stderrLog }: Pick<ProgramCall, 'stdoutLog' | 'stderrLog'>): void {
  for (const file of [stdoutLog, stderrLog]) {
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      closeSync(openSync(file, 'a', 0o600))
      if (lstatSync(file).isFile()) chmodSync(file, 0o600)
    } catch (error) {
      throw failed(error, `Cannot write ${quoteValue(file)}`)
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

const failed = (error: unknown, what: string): ClawError =>
  new ClawError('command-failed', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    hint: 'Look at the owner and mode of its folder',
    cause: error,
  })

import { ClawError } from './error.ts'
import { isSafeText, quoteValue } from './text.ts'

/** A program as launchd and systemd are told to start it. */
export type ProgramCall = {
  /** The program's absolute path and its arguments. */
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Absolute paths; what is said is appended to them. */
  readonly stdoutLog: string
  readonly stderrLog: string
}

/**
 * Stop what a service manager's file cannot say, or says in a way that people would misread.
 *
 * @throws {ClawError} `bad-input` for an empty argv, a path that is not absolute, text with control, bidi or zero-width
 *   characters, and a variable name that is none
 */
export function checkCall({ argv, env = {}, stdoutLog, stderrLog }: ProgramCall): void {
  for (const path of [argv[0] ?? '', stdoutLog, stderrLog]) {
    if (!path.startsWith('/')) throw refused(path, 'it must be an absolute path')
  }
  for (const text of [...argv, stdoutLog, stderrLog, ...Object.values(env)]) {
    if (!isSafeText(text)) throw refused(text, 'it has a control or invisible character')
  }
  for (const name of Object.keys(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw refused(name, 'it is no name of a variable')
  }
}

const refused = (text: string, why: string): ClawError =>
  new ClawError('bad-input', `Cannot put ${quoteValue(text)} into a service: ${why}`, {
    hint: 'Keep claw-clan and its home in folders with plain names',
  })

import { constants } from 'node:os'
import { basename } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'

export type ProgramOptions = {
  /** Bound on the whole run, in milliseconds; afterwards the program and all it started are ended. */
  readonly timeoutMs: number
  /** Given on stdin, which is closed after it; empty when absent. */
  readonly input?: string
  /** Added to our own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly signal?: AbortSignal
}

/** A program that ended by itself, or by somebody's signal: then `code` is 128 + its number, as shells say it. */
export type ProgramResult = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** How long a program that ignores the request to end has before it is killed. */
const KILL_AFTER_MS = 500
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024

/**
 * Run a program without a shell and wait for it; output is UTF-8 text as printed, last line break included.
 *
 * Messages name the program, never its arguments: those may hold what is nobody else's business.
 *
 * @param file  name looked up in PATH, or absolute path
 * @returns also when it exits non-zero: callers decide what a code means
 * @throws {ClawError} `command-failed` when it is missing or cannot be started, or prints more than 8 MiB;
 *   `timeout`. An aborted `signal` throws its reason
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { timeoutMs, input = '', env = {}, cwd, signal }: ProgramOptions,
): Promise<ProgramResult> {
  signal?.throwIfAborted()
  const { execa } = await import('execa')
  const result = await execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    input,
    env,
    maxBuffer: MAX_OUTPUT_BYTES,
    // Without it a grandchild that holds the output open outlives every deadline.
    killDescendants: true,
    timeout: timeoutMs,
    forceKillAfterDelay: KILL_AFTER_MS,
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  if (result.timedOut) {
    throw new ClawError('timeout', `Cannot finish ${nameOf(file)} within ${timeoutMs} ms`)
  }
  if (result.isCanceled) throw signal?.reason
  if (result.isMaxBuffer) {
    throw new ClawError(
      'command-failed',
      `Cannot read what ${nameOf(file)} prints: more than ${MAX_OUTPUT_BYTES} bytes`,
    )
  }
  const code = result.exitCode ?? signalCode(result.signal)
  if (code === undefined) throw notStarted(file, result.code)
  return { code, stdout: result.stdout, stderr: result.stderr }
}

const nameOf = (file: string): string => quoteValue(basename(file))

const signalCode = (signal: NodeJS.Signals | undefined): number | undefined =>
  signal === undefined ? undefined : 128 + constants.signals[signal]

function notStarted(file: string, code: string | undefined): ClawError {
  const isMissing = code === 'ENOENT'
  const why = isMissing
    ? 'it is not installed, or not in PATH'
    : `it does not start (${code ?? 'no reason given'})`
  return new ClawError('command-failed', `Cannot run ${nameOf(file)}: ${why}`, {
    hint: isMissing
      ? `Install ${nameOf(file)}, or add its folder to PATH`
      : `Look at the file of ${nameOf(file)}`,
  })
}

import { constants } from 'node:os'
import { basename } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'

export type ProgramOptions = {
  /** Bound on the whole run, in milliseconds; afterwards the program and all it started are ended. */
  readonly timeoutMs: number
  /** Given on stdin, which is closed after it; empty when absent. What an iterable throws is thrown to the caller. */
  readonly input?: string | AsyncIterable<Uint8Array>
  /** Bound on stdout and on stderr, each, in bytes; 8 MiB when absent. */
  readonly maxBytes?: number
  /** Leaves our terminal to the program, where it can ask a person by itself. */
  readonly onTerminal?: boolean
  /** How stdout and stderr become text: UTF-8 unless bytes must survive, one character each. */
  readonly encoding?: 'utf8' | 'latin1'
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
 * @throws {ClawError} `command-failed` when it is missing or cannot be started, or prints more than `maxBytes`;
 *   `timeout`. An aborted `signal` throws its reason
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const { timeoutMs, env = {}, cwd, signal, maxBytes = MAX_OUTPUT_BYTES, onTerminal = false } = options
  const { encoding = 'utf8' } = options
  signal?.throwIfAborted()
  const { execa } = await import('execa')
  const input = inputOf(options.input ?? '')
  const result = await execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    ...input.given,
    env,
    maxBuffer: maxBytes,
    encoding,
    // Without it a grandchild that holds the output open outlives every deadline. It costs the terminal.
    killDescendants: !onTerminal,
    timeout: timeoutMs,
    forceKillAfterDelay: KILL_AFTER_MS,
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  if (result.timedOut) {
    throw new ClawError('timeout', `Cannot finish ${nameOf(file)} within ${timeoutMs} ms`)
  }
  if (result.isCanceled) throw signal?.reason
  if (result.isMaxBuffer) throw tooMuch(file, maxBytes)
  input.check()
  const code = result.exitCode ?? signalCode(result.signal)
  if (code === undefined) throw notStarted(file, result.code)
  return { code, stdout: result.stdout, stderr: result.stderr }
}

type Given = { readonly input: string } | { readonly stdin: AsyncIterable<Uint8Array> }

/** An iterable that fails must not look like one that ended. */
function inputOf(input: string | AsyncIterable<Uint8Array>): {
  readonly given: Given
  readonly check: () => void
} {
  if (typeof input === 'string') return { given: { input }, check: () => {} }
  let failure: { readonly error: unknown } | undefined
  async function* watched(source: AsyncIterable<Uint8Array>) {
    try {
      yield* source
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  return {
    given: { stdin: watched(input) },
    check: () => {
      if (failure !== undefined) throw failure.error
    },
  }
}

const tooMuch = (file: string, maxBytes: number): ClawError =>
  new ClawError('command-failed', `Cannot read what ${nameOf(file)} prints: more than ${maxBytes} bytes`)

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

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { ClawError } from '../fleet/error.ts'
import { loginText, sshFailure } from '../fleet/ssh-failure.ts'
import {
  controlArguments,
  loginArguments,
  OPERATOR_ENV,
  type OperatorLogin,
  stepArguments,
} from './operator-arguments.ts'
import { type OperatorFiles, writeOperatorFiles } from './operator-files.ts'
import { type ProgramOptions, type ProgramResult, runProgram } from './process.ts'

/** What one command is given and may cost. */
export type OperatorRun = {
  /** Streamed to the command's stdin, which is closed after it; many megabytes are fine. */
  readonly stdin?: string | AsyncIterable<Uint8Array>
  /** Bound on the command, in milliseconds; a login before it has a bound of its own. */
  readonly timeoutMs: number
  /** Bound on stdout and on stderr, each, in bytes; more is `command-failed`. 8 MiB when absent. */
  readonly maxBytes?: number
  /** Bytes of `stdin` handed to ssh so far; about 2 MB of them may still be on their way. */
  readonly onProgress?: (sentBytes: number) => void
  readonly signal?: AbortSignal
}

/** Has ssh itself ask on the terminal: told before, so that a person knows what for, and one at a time. */
export type ByHand = (login: OperatorLogin, ask: () => Promise<void>) => Promise<void>

/** One login of the owner that several commands use. */
export type OperatorConnection = {
  readonly run: (command: string, options: OperatorRun) => Promise<ProgramResult>
  /** End it and remove its files, at once: nothing can be awaited on the way out of a signal. */
  readonly leave: () => void
}

/** sshd closed or never spoke: ssh's own exit code, which none of our programs uses. */
const SSH_FAILED = 255
/** Bound on connect and login where nobody types. */
const LOGIN_TIMEOUT_MS = 30_000
/** sshd itself ends a login after two minutes. */
const BY_HAND_TIMEOUT_MS = 150_000
const CONTROL_TIMEOUT_MS = 5_000
/** What giving up waits for the program's own deadline, whose reason is the better one. */
const GRACE_MS = 100

/**
 * Prepare a connection; the first command logs in, and one that finds the connection gone logs in again.
 *
 * @param byHand  lets ssh ask for a password or passphrase on the terminal when no key opens; absent without one
 */
export async function operatorConnection(
  login: OperatorLogin,
  byHand: ByHand | undefined,
): Promise<OperatorConnection> {
  const files = await writeOperatorFiles(login)
  const leave = () => {
    if (existsSync(files.socket)) end(login, files)
    rmSync(files.folder, { recursive: true, force: true })
  }
  let ready: Promise<void> | undefined
  const open = async () => {
    if (!(await isOpen(login, files))) await logIn(login, files, byHand)
  }
  return {
    run: async (command, options) => {
      ready ??= open().finally(() => {
        ready = undefined
      })
      await ready
      return runStep(login, files, { command, ...options })
    },
    leave,
  }
}

/** Nobody is asked as long as a key opens; then ssh itself asks, and only one of them at a time. */
async function logIn(login: OperatorLogin, files: OperatorFiles, byHand: ByHand | undefined): Promise<void> {
  const stderr = await tryLogin(login, loginArguments(login, files), LOGIN_TIMEOUT_MS)
  if (stderr === undefined) return
  const failure = sshFailure(stderr, login)
  if (byHand === undefined || failure.code !== 'auth-denied') throw failure
  await byHand(login, async () => {
    // sshd counts refused keys as attempts; those that used them up leave none for a password.
    const args = loginArguments(
      login,
      files,
      /too many authentication/i.test(stderr) ? 'password' : 'anything',
    )
    const again = await tryLogin(login, args, BY_HAND_TIMEOUT_MS, true)
    if (again !== undefined) throw sshFailure(again, login)
  })
}

/** @returns what ssh complained about; undefined when it is logged in */
async function tryLogin(
  login: OperatorLogin,
  args: readonly string[],
  timeoutMs: number,
  onTerminal = false,
): Promise<string | undefined> {
  const { code, stderr } = await runSsh(login, args, { timeoutMs, onTerminal })
  return code === 0 ? undefined : stderr
}

type Step = OperatorRun & { readonly command: string }

async function runStep(login: OperatorLogin, files: OperatorFiles, step: Step): Promise<ProgramResult> {
  const { command, stdin = '', timeoutMs, maxBytes, onProgress, signal } = step
  using _ = endingWith(() => end(login, files), step)
  const result = await runSsh(login, stepArguments(login, files, command), {
    timeoutMs,
    input: onProgress === undefined ? stdin : counted(stdin, onProgress),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(signal === undefined ? {} : { signal }),
  })
  // A command may end with that code too: then the connection is still there.
  if (result.code !== SSH_FAILED || (await isOpen(login, files))) return result
  throw new ClawError(
    'ssh-failed',
    `Cannot finish a command on "${loginText(login)}": the connection was lost`,
    {
      hint: 'Check that the machine is still on and its network is up, then try again',
    },
  )
}

/**
 * A shared connection keeps the output of a command open until it ends over there, whoever gave up on it here: then
 * the connection has to go.
 */
function endingWith(giveUp: () => void, { timeoutMs, signal }: Step): Disposable {
  const deadline = setTimeout(giveUp, timeoutMs + GRACE_MS)
  signal?.addEventListener('abort', giveUp, { once: true })
  return {
    [Symbol.dispose]: () => {
      clearTimeout(deadline)
      signal?.removeEventListener('abort', giveUp)
    },
  }
}

async function isOpen(login: OperatorLogin, files: OperatorFiles): Promise<boolean> {
  const options = { timeoutMs: CONTROL_TIMEOUT_MS, env: OPERATOR_ENV }
  return (await runProgram('ssh', controlArguments(login, files, 'check'), options)).code === 0
}

async function runSsh(
  login: OperatorLogin,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  try {
    return await runProgram('ssh', args, { ...options, env: OPERATOR_ENV })
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'timeout') throw error
    const { timeoutMs } = options
    throw new ClawError('ssh-timeout', `Cannot finish SSH to "${loginText(login)}" within ${timeoutMs} ms`, {
      hint: 'The machine may be overloaded or asleep: look at it, then try again',
      cause: error,
    })
  }
}

async function* counted(
  stdin: string | AsyncIterable<Uint8Array>,
  onProgress: (sentBytes: number) => void,
): AsyncIterable<Uint8Array> {
  let sent = 0
  for await (const chunk of typeof stdin === 'string' ? [Buffer.from(stdin)] : stdin) {
    yield chunk
    sent += chunk.length
    onProgress(sent)
  }
}

const end = (login: OperatorLogin, files: OperatorFiles): void =>
  void spawnSync('ssh', controlArguments(login, files, 'exit'), {
    stdio: 'ignore',
    timeout: CONTROL_TIMEOUT_MS,
  })

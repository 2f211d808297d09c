import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How a program ended, and all it said. */
export type Finished = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export type ExecOptions = {
  /** The whole environment unless the caller documents another one. */
  readonly env?: Readonly<Record<string, string>>
  /** Given on stdin, which is closed after it. */
  readonly input?: string | Buffer
  /** Default 30,000; a program still running then is killed with all it started in its session, and the call throws. */
  readonly timeoutMs?: number
  /** Working directory inside the machine; by default its home. */
  readonly cwd?: string
}

/** A program that goes on running. */
export type Daemon = {
  /** Process id of the program itself, as seen from outside the machine. */
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Wait until stdout or stderr matches; throws with the output when it ended or `timeoutMs` (10,000) passed. */
  readonly waitFor: (pattern: RegExp, timeoutMs?: number) => Promise<void>
  readonly write: (text: string) => void
  readonly signal: (name: NodeJS.Signals) => void
  readonly ended: Promise<Finished>
  /** SIGTERM, and SIGKILL after `timeoutMs` (5,000). */
  readonly stop: (timeoutMs?: number) => Promise<Finished>
}

const alive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

/** Host process ids of the children of one process. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Send a signal to a process or, when negative, a process group that may be gone already. */
export function signalIfAlive(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Poll a condition until it gives something other than undefined or false; throws after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 10_000, everyMs = 20 } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
}

function collect(child: ChildProcess, name: string) {
  let stdout = ''
  let stderr = ''
  const heard = new Set<() => void>()
  const tell = () => {
    for (const hear of heard) hear()
  }
  child.stdout?.setEncoding('utf8').on('data', text => {
    stdout += text
    tell()
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
    tell()
  })
  child.stdin?.on('error', () => {}) // the program may end without reading its input
  const ended = new Promise<Finished>((resolve, reject) => {
    child.on('error', error => reject(new Error(`Cannot start ${name}: ${error.message}`)))
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr })
      tell()
    })
  })
  ended.catch(() => {}) // whoever awaits it sees the failure
  return { stdout: () => stdout, stderr: () => stderr, heard, ended }
}

/** Run a program to its end. A failing exit code is a result, a passed deadline is an error. */
export async function run(
  argv: readonly string[],
  options: ExecOptions = {},
  more: SpawnOptions = {},
): Promise<Finished> {
  const { env, input = '', timeoutMs = 30_000, cwd } = options
  const [file = '', ...args] = argv
  const child = spawn(file, args, {
    env: env ?? process.env,
    cwd,
    ...more,
    stdio: more.stdio ?? 'pipe',
    detached: true,
  })
  const { ended, stdout, stderr } = collect(child, file)
  child.stdin?.end(input)
  let late = false
  const deadline = setTimeout(() => {
    late = true
    if (child.pid !== undefined) signalIfAlive(-child.pid, 'SIGKILL')
    child.stdout?.destroy()
    child.stderr?.destroy()
  }, timeoutMs)
  try {
    const finished = await ended
    if (!late) return finished
    throw new Error(`Did not end within ${timeoutMs} ms: ${argv.join(' ')}\n${stdout()}${stderr()}`)
  } finally {
    clearTimeout(deadline)
  }
}

/** As `run`, for steps of the lab itself: a failing exit code is an error too. */
export async function runOrThrow(
  argv: readonly string[],
  options: ExecOptions = {},
  more: SpawnOptions = {},
): Promise<string> {
  const { code, signal, stdout, stderr } = await run(argv, options, more)
  if (code === 0) return stdout
  throw new Error(`Failed (${code ?? signal}): ${argv.join(' ')}\n${stdout}${stderr}`)
}

/**
 * Start a program that goes on running.
 *
 * @param behind  true when `argv` is a wrapper (nsenter) that forks the program: signals then go to its child
 */
export async function start(
  argv: readonly string[],
  options: ExecOptions = {},
  behind = false,
): Promise<Daemon> {
  const [file = '', ...args] = argv
  const child = spawn(file, args, { env: options.env ?? process.env, cwd: options.cwd, detached: true })
  const { ended, stdout, stderr, heard } = collect(child, file)
  if (options.input !== undefined) child.stdin.write(options.input)
  const pid = behind ? await childOf(child, ended) : child.pid
  if (pid === undefined) throw new Error(`Cannot start ${file}\n${(await ended).stderr}`)
  const waitFor = (pattern: RegExp, timeoutMs = 10_000) =>
    heardBefore({
      matches: () => pattern.test(stdout()) || pattern.test(stderr()),
      heard,
      timeoutMs,
      child,
    }).catch(why => {
      throw new Error(`${why} without ${pattern}: ${argv.join(' ')}\n${stdout()}${stderr()}`)
    })
  const stop = async (timeoutMs = 5_000) => {
    if (alive(child)) signalIfAlive(pid, 'SIGTERM')
    const kill = setTimeout(
      () => signalIfAlive(child.pid === undefined ? pid : -child.pid, 'SIGKILL'),
      timeoutMs,
    )
    return ended.finally(() => clearTimeout(kill))
  }
  const signal = (name: NodeJS.Signals) => signalIfAlive(pid, name)
  return { pid, stdout, stderr, waitFor, write: text => child.stdin.write(text), signal, ended, stop }
}

async function childOf(child: ChildProcess, ended: Promise<Finished>): Promise<number | undefined> {
  const { pid } = child
  if (pid === undefined) return undefined
  const found = eventually(
    'the program behind nsenter',
    () => childrenOf(pid)[0] ?? (alive(child) ? undefined : 0),
    { everyMs: 1 },
  )
  const first = await Promise.race([found, ended.then(() => 0)])
  return first === 0 ? undefined : first
}

type Hearing = {
  readonly matches: () => boolean
  readonly heard: Set<() => void>
  readonly timeoutMs: number
  readonly child: ChildProcess
}

function heardBefore({ matches, heard, timeoutMs, child }: Hearing): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => end(() => reject(`Waited ${timeoutMs} ms`)), timeoutMs)
    const end = (settle: () => void) => {
      clearTimeout(deadline)
      heard.delete(look)
      settle()
    }
    const look = () => {
      if (matches()) end(resolve)
      else if (!alive(child)) end(() => reject('Ended'))
    }
    heard.add(look)
    look()
  })
}

/** Wait for the line "ready" on stdout; when the process ends instead, throw what it said on stderr. */
export async function readyLine(child: ChildProcess): Promise<void> {
  let said = ''
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    complaint += text
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', text => {
      said += text
      if (said.includes('ready\n')) resolve()
    })
    child.on('error', reject)
    child.on('close', () => reject(new Error(complaint.trim() || 'ended at once')))
  })
}

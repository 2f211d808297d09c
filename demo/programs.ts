import { type ChildProcess, spawn } from 'node:child_process'
import { DemoProblem } from './problem.ts'

/** One program to start; it sees nothing of this process's environment but what is given here. */
export type Job = {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

export type Finished = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** A program that runs beside the story. */
export type Running = {
  /** What it printed so far, both streams. */
  readonly printed: () => string
  /** The exit code, once it ended by itself or by `stop`. */
  readonly ended: Promise<number>
  /** SIGTERM, and SIGKILL when that does not help. */
  readonly stop: () => Promise<number>
}

/** No program of the demo needs longer; one that does is a failure, not a pause. */
const LIMIT_MS = 20_000
/** Time to end in an orderly way after SIGTERM. */
const GRACE_MS = 2_000

/** Starts programs, each in a process group of its own, and ends every one of them when it is closed. */
export class Programs implements AsyncDisposable {
  readonly #children = new Set<ChildProcess>()
  readonly #signal: AbortSignal

  /** @param signal  ends whatever runs in the foreground; what it waited for then rejects with the reason */
  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Start one; the caller owns its streams. */
  start({ file, args, env, cwd }: Job, stdio: 'pipe' | 'inherit'): ChildProcess {
    const input = stdio === 'pipe' ? 'pipe' : 'ignore'
    const child = spawn(file, args, { env, cwd, stdio: [input, stdio, stdio], detached: true })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    child.once('error', () => this.#children.delete(child))
    return child
  }

  /** Run one on the person's own terminal. @returns its exit code */
  async show(job: Job): Promise<number> {
    this.#signal.throwIfAborted()
    return this.#wait(this.start(job, 'inherit'), job)
  }

  /** Run one and keep what it prints. */
  async capture(job: Job): Promise<Finished> {
    this.#signal.throwIfAborted()
    const child = this.start(job, 'pipe')
    child.stdin?.end()
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
    const code = await this.#wait(child, job)
    return { code, stdout: stdout(), stderr: stderr() }
  }

  /** Run one beside the story. */
  keep(job: Job): Running {
    this.#signal.throwIfAborted()
    const child = this.start(job, 'pipe')
    child.stdin?.end()
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
    const ended = exitOf(child, job)
    ended.catch(() => undefined)
    const stop = async () => {
      await this.#end(child)
      return ended
    }
    return { printed: () => `${stdout()}${stderr()}`, ended, stop }
  }

  /** For a process that is about to exit: no waiting, nothing survives. */
  killAll(): void {
    for (const child of this.#children) signalGroup(child, 'SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children].map(child => this.#end(child)))
  }

  async #wait(child: ChildProcess, job: Job): Promise<number> {
    const stop = () => void this.#end(child)
    this.#signal.addEventListener('abort', stop)
    const limit = setTimeout(stop, LIMIT_MS)
    try {
      const code = await exitOf(child, job)
      this.#signal.throwIfAborted()
      return code
    } finally {
      clearTimeout(limit)
      this.#signal.removeEventListener('abort', stop)
    }
  }

  async #end(child: ChildProcess): Promise<void> {
    if (!this.#children.has(child)) return
    const closed = new Promise(resolve => child.once('close', resolve))
    signalGroup(child, 'SIGTERM')
    const last = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS)
    await closed
    clearTimeout(last)
  }
}

/** Everything a program started goes with it. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It ended meanwhile.
  }
}

function exitOf(child: ChildProcess, { file }: Job): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', cause => reject(new DemoProblem(`Cannot start "${file}": ${cause.message}`)))
    child.once('close', (code, signal) => {
      if (code !== null) resolve(code)
      else reject(new DemoProblem(`"${file}" was ended by ${signal ?? 'a signal'}`))
    })
  })
}

function textOf(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

// What a bench leaves on this machine while it runs, and how all of it goes away again, also on Ctrl-C.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A folder and the processes that end with this run. */
export type Scratch = {
  /** A new folder of this name, mode 0700. */
  readonly folder: (name: string) => string
  /** End this process with the run, if nobody did before. */
  readonly own: (child: ChildProcess) => ChildProcess
  readonly [Symbol.dispose]: () => void
}

export function openScratch(): Scratch {
  const dir = mkdtempSync(join(tmpdir(), 'claw-bench-'))
  const children = new Set<ChildProcess>()
  const clean = () => {
    for (const child of children) if (isAlive(child)) child.kill('SIGKILL')
    children.clear()
    process.off('exit', clean)
    for (const signal of SIGNALS) process.off(signal, stop)
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  const stop = () => process.exit(130)
  process.once('exit', clean)
  for (const signal of SIGNALS) process.once(signal, stop)
  return {
    folder: name => {
      const path = join(dir, name)
      mkdirSync(path, { recursive: true, mode: 0o700 })
      return path
    },
    own: child => {
      children.add(child)
      child.once('exit', () => children.delete(child))
      return child
    },
    [Symbol.dispose]: clean,
  }
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

import { spawn } from 'node:child_process'
import { scriptOf } from './program.ts'

/** A program on a terminal of its own, 80 by 24, as a person would run it. */
export type TypedProgram = {
  /** Everything shown so far, escape sequences included. */
  readonly screen: () => string
  readonly waitFor: (pattern: RegExp, timeoutMs?: number) => Promise<void>
  readonly type: (text: string) => void
  readonly ended: Promise<number | null>
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** Start a program on a pseudo-terminal, made by util-linux's `script`. */
export function startTyped(name: string, args: readonly string[]): TypedProgram {
  const command = [process.execPath, scriptOf(name), ...args].map(quoted).join(' ')
  const child = spawn('script', ['-qec', `stty cols 80 rows 24; exec ${command}`, '/dev/null'], {
    env: { PATH: '/usr/bin:/bin', TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', chunk => {
    shown += chunk
  })
  const ended = new Promise<number | null>(resolve => child.on('close', resolve))
  const waitFor = async (pattern: RegExp, timeoutMs = 20_000) => {
    const deadline = performance.now() + timeoutMs
    while (!pattern.test(shown)) {
      if (performance.now() > deadline)
        throw new Error(`Not shown within ${timeoutMs} ms: ${pattern}\n${shown}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
  return { screen: () => shown, waitFor, type: text => child.stdin.write(text), ended }
}

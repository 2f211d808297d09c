import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from './lab/run.ts'
import { readyHome, scriptOf } from './program.ts'

/** A home that announces and browses on the loopback interface alone. */
export async function loopbackHome(
  gatewayId: string,
  ...flags: string[]
): Promise<AsyncDisposable & { readonly path: string }> {
  const home = await readyHome('--gateway-id', gatewayId, '--lead', '1', ...flags)
  const file = join(home.path, 'config.json')
  const settings = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...settings, mdns: { interfaces: [loopback] } }))
  return home
}

const loopback = process.platform === 'darwin' ? 'lo0' : 'lo'

/** A running `claw-register run`. */
export type Register = AsyncDisposable & {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly saying: (text: string) => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
  /** Exit code; null after a signal that it did not handle. */
  readonly ended: Promise<number | null>
}

/** @param script  another one than CLAW_TEST_BUNDLE chooses */
export function startRegister(
  home: string,
  flags: readonly string[] = [],
  script = scriptOf('register'),
): Register {
  const child = spawn(process.execPath, [script, 'run', '--home', home, ...flags], {
    env: {},
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>(resolve => child.on('close', resolve))
  const [stdout, stderr] = [textOf(child, 'stdout'), textOf(child, 'stderr')]
  const signal = (name: NodeJS.Signals) => void child.kill(name)
  return {
    pid: child.pid ?? 0,
    stdout,
    stderr,
    saying: async text => {
      await eventually(`"${text}" is said`, () => {
        if (child.exitCode !== null)
          throw new Error(`claw-register ended with ${child.exitCode}: ${stderr()}`)
        return stderr().includes(text)
      })
    },
    signal,
    ended,
    [Symbol.asyncDispose]: async () => {
      signal('SIGKILL')
      await ended
    },
  }
}

function textOf(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[stream]?.setEncoding('utf8').on('data', more => {
    text += more
  })
  return () => text
}

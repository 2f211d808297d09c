import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

export type ProgramRun = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

export type ProgramOptions = {
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly cwd?: string
}

/** Path of a program's script: the bundle when CLAW_TEST_BUNDLE=1, else the source. */
export const scriptOf = (name: string): string =>
  process.env.CLAW_TEST_BUNDLE === '1'
    ? join(ROOT, 'dist', `${name}.js`)
    : join(ROOT, 'src', 'bin', `${name}.ts`)

/** Run a program as cron does: absolute node, an environment that holds only what is given, no terminal. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramRun> {
  const { env = {}, timeoutMs = 30_000, cwd = '/' } = options
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [scriptOf(name), ...args], {
      env,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const deadline = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code => {
      clearTimeout(deadline)
      resolve({ code, stdout, stderr })
    })
  })
}

/** A folder that is gone when the test ends. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'claw-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A home in which `claw-setup` has run. */
export async function readyHome(...flags: string[]): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryFolder()
  const home = join(folder.path, 'home')
  const setup = await runProgram('setup', ['--yes', '--home', home, ...flags])
  if (setup.code !== 0) throw new Error(`claw-setup failed: ${setup.stderr}`)
  return { path: home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

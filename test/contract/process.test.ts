import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { runProgram } from '../../src/adapters/process.ts'

const sh = (script: string, more: Partial<Parameters<typeof runProgram>[2]> = {}) =>
  runProgram('sh', ['-c', script], { timeoutMs: 10_000, ...more })

describe('runProgram()', () => {
  test('takes an exit code as a result', async () => {
    expect(await sh('cat; echo err >&2; exit 3', { input: 'in' })).toEqual({
      code: 3,
      stdout: 'in',
      stderr: 'err\n',
    })
  })

  test('gives each argument as it is', async () => {
    const args = ['a b', "it's", '$(touch x)', '', '-n', '*', 'ü\n']

    const { stdout } = await runProgram('printf', ['%s|', ...args], { timeoutMs: 10_000 })

    expect(stdout).toBe(`${args.join('|')}|`)
  })

  test('adds to the environment and takes from it', async () => {
    const env = { CLAW_ADDED: 'yes', HOME: undefined }

    expect((await sh('echo "$CLAW_ADDED"; env | grep -c ^HOME=', { env })).stdout).toBe('yes\n0\n')
  })

  test('runs in the folder it is told', async () => {
    const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'claw-run-')))

    const { stdout } = await sh('pwd', { cwd })
    rmSync(cwd, { recursive: true })

    expect(stdout).toBe(`${cwd}\n`)
  })

  test('has a code for a program that was killed', async () => {
    expect(await sh('kill -9 $$')).toMatchObject({ code: 137 })
  })

  test.each([
    { why: 'missing', file: 'no-such-program-here' },
    { why: 'missing by path', file: '/nowhere/program' },
    { why: 'not executable', file: '/etc/passwd' },
  ])('tells of a program that is $why without telling its arguments', async ({ file }) => {
    const run = runProgram(file, ['--password', 'canary'], { timeoutMs: 1_000 })

    await expect(run).rejects.toMatchObject({ code: 'command-failed' })
    await expect(run).rejects.not.toThrow(/canary/)
  })

  test('ends a program and all it started when its time is over, also when they do not want to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'claw-run-'))
    const file = join(folder, 'pids')
    writeFileSync(file, '')
    const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ >>${file}; sleep 60' & echo $$ >>${file}; wait; sleep 60`
    const startedAt = performance.now()

    const run = sh(script, { timeoutMs: 500 })

    await expect(run).rejects.toMatchObject({ code: 'timeout', message: 'Cannot finish "sh" within 500 ms' })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    const { stdout } = await sh(`cat ${file}`)
    const pids = stdout.trim().split('\n').map(Number)
    expect(pids).toHaveLength(2)
    const isGone = (pid: number) => {
      try {
        return process.kill(pid, 0) && false
      } catch {
        return true
      }
    }
    await vi.waitFor(() => expect(pids.every(isGone)).toBe(true), { timeout: 5_000, interval: 20 })
    rmSync(folder, { recursive: true })
  })

  test('stops when told to, with the reason it was given', async () => {
    const reason = new Error('enough')
    const stop = new AbortController()

    const run = sh('sleep 60', { signal: stop.signal })
    setTimeout(() => stop.abort(reason), 50)

    await expect(run).rejects.toBe(reason)
    await expect(sh('true', { signal: stop.signal })).rejects.toBe(reason)
  })

  test('bounds what a program may print', async () => {
    await expect(sh('yes')).rejects.toMatchObject({ code: 'command-failed' })
  })
})

import { spawn } from 'node:child_process'
import { mkdir, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runProgram, scriptOf, temporaryFolder } from '../support/program.ts'

test('claw-peer --self-test tries everything, without a home and without leaving a trace', async () => {
  await using folder = await temporaryFolder()
  const env = { TMPDIR: folder.path, HOME: folder.path }

  const { code, stdout, stderr } = await runProgram('peer', ['--self-test', '--json'], { env })

  expect([code, stderr]).toEqual([0, ''])
  const { checks, ...rest } = JSON.parse(stdout)
  expect(rest).toMatchObject({ schema: 1, ok: true, node: process.versions.node })
  expect(checks.map(({ name, ok }: { name: string; ok: boolean }) => [name, ok])).toEqual(
    ['node', 'files', 'keys', 'store'].map(name => [name, true]),
  )
  expect(await readdir(folder.path)).toEqual([])
})

test('it says where it cannot try', async () => {
  const { code, stdout, stderr } = await runProgram('peer', ['--self-test'], { env: { TMPDIR: '/proc' } })

  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^claw-peer: Cannot make a folder in "\/proc": [^\n]+\n {2}next: [^\n]+\n$/)
})

test('a connection that is cut in the middle leaves nothing behind', async () => {
  await using folder = await temporaryFolder()
  const env = { ...process.env, TMPDIR: folder.path, HOME: folder.path }
  const child = spawn(process.execPath, [scriptOf('peer'), '--self-test'], { env, stdio: 'ignore' })
  const ended = new Promise(resolve => child.on('close', resolve))
  await expect.poll(() => readdir(folder.path), { timeout: 20_000, interval: 1 }).not.toEqual([])

  child.kill('SIGHUP')

  await ended
  expect(await readdir(folder.path)).toEqual([])
})

test('what a killed one has left goes with the next', async () => {
  await using folder = await temporaryFolder()
  const old = join(folder.path, 'claw-clan-self-test-old')
  await mkdir(old)
  await mkdir(join(folder.path, 'claw-clan-self-test-new'))
  await utimes(old, new Date(0), new Date(0))

  const { code } = await runProgram('peer', ['--self-test'], { env: { TMPDIR: folder.path } })

  expect(code).toBe(0)
  expect(await readdir(folder.path)).toEqual(['claw-clan-self-test-new'])
})

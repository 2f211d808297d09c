import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { runProgram, temporaryFolder } from '../support/program.ts'

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

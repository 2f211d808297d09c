import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually, run, start } from '../support/lab/run.ts'
import { loopbackHome, startRegister } from '../support/mdns-home.ts'
import { temporaryFolder } from '../support/program.ts'

test('the bundled claw-register run keeps at most 1.15 times the memory of an idle node', async () => {
  await using folder = await temporaryFolder()
  await run([process.execPath, join(import.meta.dirname, '..', '..', 'scripts', 'build.ts'), folder.path])
  await using home = await loopbackHome('contract-g')
  const idle = await start([process.execPath, '-e', 'setInterval(() => {}, 1e9)'])
  await using register = startRegister(home.path, [], join(folder.path, 'register.js'))
  await register.saying('Announced')

  const ratio = () => residentKb(register.pid) / residentKb(idle.pid)
  try {
    await eventually('its start is tidied up', () => ratio() < 1.15, { timeoutMs: 10_000, everyMs: 500 })
  } finally {
    idle.signal('SIGKILL')
  }

  expect(readFileSync(`/proc/${register.pid}/cmdline`, 'utf8')).toContain(join(folder.path, 'announcer.js'))
  register.signal('SIGTERM')
  expect(await register.ended).toBe(0)
  expect(register.stdout()).toBe('contract-g is no longer announced\n')
})

const residentKb = (pid: number) =>
  Number(/^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])

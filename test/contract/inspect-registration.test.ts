import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { loopbackHome, startRegister } from '../support/mdns-home.ts'
import { scriptOf } from '../support/program.ts'

/** What another machine is told of this one's announcement. */
function registration(home: string): unknown {
  const { stdout } = spawnSync(process.execPath, [scriptOf('peer'), 'serve', '--home', home], {
    input: '{"id":1,"verb":"inspect"}\n',
    env: {},
    cwd: '/',
  })
  return JSON.parse(stdout.toString().trimEnd().split('\n')[1] ?? '').registration
}

test('inspect tells whether this machine is announced, and does not know while the announcer is frozen', async () => {
  await using home = await loopbackHome('inspected')
  const before = registration(home.path)
  await using register = startRegister(home.path)
  await register.saying('Announced')

  const during = registration(home.path)
  register.signal('SIGSTOP')
  const frozen = registration(home.path)
  register.signal('SIGKILL')
  await register.ended

  expect([before, during, frozen, registration(home.path)]).toEqual([
    'stopped',
    'running',
    'unknown',
    'stopped',
  ])
})

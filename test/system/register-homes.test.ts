import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { setUpAll } from '../support/clan.ts'
import { openLab } from '../support/lab/lab.ts'
import { startUserSystemd } from '../support/lab/user-systemd.ts'
import { register, statusOf, unitFolder } from '../support/register-lab.ts'

test('a home of any name works, two homes keep two jobs, and logs are for their owner alone', async () => {
  await using lab = await openLab({ machines: 1 })
  const ours = lab.machine(1)
  await using _systemd = await startUserSystemd(ours)
  const hostile = join(ours.home, `q "x" 'y' $HOME \${HOME} $(touch z) %h \\n ; </string> ü`)
  const homes = [ours.clanHome, hostile]
  for (const [at, home] of homes.entries())
    await ours.claw('setup', ['--yes', '--home', home, '--gateway-id', `two-${at}`, '--lead', `${at + 1}`])

  const runs = [
    await register(ours, 'start', '--home', ours.clanHome, '--json'),
    await register(ours, 'start', '--home', hostile, '--json'),
  ]

  const states = runs.map(({ stdout }) => JSON.parse(stdout))
  expect(runs.map(({ code }) => code)).toEqual([0, 0])
  expect(states).toMatchObject([{ announced: true }, { announced: true }])
  const units = (await readdir(unitFolder(ours))).filter(name => name.endsWith('.service')).toSorted()
  expect(units).toEqual([
    expect.stringMatching(/^claw-clan-mdns-[0-9a-f]{8}\.service$/),
    'claw-clan-mdns.service',
  ])
  for (const unit of units) {
    const { code, stderr } = await ours.exec(
      ['systemd-analyze', '--user', 'verify', join(unitFolder(ours), unit)],
      { env: { HOME: ours.home, PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: '/run/user/0' } },
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  }
  const argv = await ours.must(['cat', `/proc/${states[1].process.pid}/cmdline`])
  expect(argv.split('\0')).toContain(hostile)
  const log = join(hostile, 'logs', 'mdns-register-err.log')
  expect(readFileSync(log, 'utf8')).toContain('Announced as')
  expect(
    (await ours.must(['stat', '-c', '%a', log, join(hostile, 'logs'), states[1].job.file])).split('\n'),
  ).toEqual(['600', '700', '600', ''])

  await register(ours, 'stop', '--home', hostile)
  expect(await readdir(unitFolder(ours))).not.toContain(units[0])
  expect((await register(ours, 'status', '--check')).code).toBe(0)
})

test('without a systemd to reach it says what to do instead, and takes away what was installed', async () => {
  await using lab = await openLab({ machines: 1 })
  const ours = lab.machine(1)
  await setUpAll([ours])
  {
    await using _systemd = await startUserSystemd(ours)
    await register(ours, 'start')
  }
  await ours.must(['rm', '-r', '/run/user/0'])

  const started = await register(ours, 'start')
  const asJson = await register(ours, 'start', '--json')
  const state = await statusOf(ours)
  const stopped = await register(ours, 'stop')
  await ours.must(['rmdir', '/run/systemd/system'])
  const never = await register(ours, 'start')

  expect(started.code).toBe(1)
  expect(started.stderr).toContain('loginctl enable-linger')
  expect(started.stderr).toContain(
    `${join(ours.clanHome, 'bin', 'claw-register')} run --home ${ours.clanHome}`,
  )
  expect(JSON.parse(asJson.stdout).error.code).toBe('no-keeper')
  expect(state).toMatchObject({ announced: false, manager: 'none', next: 'keep "claw-register run" running' })
  expect(stopped.code).toBe(0)
  expect(never.stderr).toContain('This machine was not started by systemd')
  expect(await readdir(unitFolder(ours))).not.toContain('claw-clan-mdns.service')
})

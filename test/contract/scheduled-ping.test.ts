import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { SCHEDULED_RUN } from '../../src/fleet/scheduled-run.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'
import { readyHome, runProgram, scriptOf } from '../support/program.ts'

async function lastScheduled(home: string) {
  await using store = openJsonFleet({ paths: homePaths(home), clock: systemClock })
  return await store.lastRun(SCHEDULED_RUN)
}

/** As the crontab line does it: output goes to the end of the log. */
function pingIntoLog(home: string): number | null {
  const log = openSync(join(home, 'logs', 'ping.log'), 'a', 0o600)
  const args = [scriptOf('ping'), '--scheduled', '--quiet', '--proof', 'x', '--home', home]
  return spawnSync(process.execPath, args, { env: {}, cwd: '/', stdio: ['ignore', log, log] }).status
}

test('a run by schedule is remembered with its proof, beside the round itself', async () => {
  await using home = await readyHome()

  const { code, stdout } = await runProgram('ping', [
    '--scheduled',
    '--quiet',
    '--proof',
    'abc',
    '--home',
    home.path,
  ])

  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(await lastScheduled(home.path)).toMatchObject({ result: { proof: 'abc', failed: null } })
})

test('a run by hand is none', async () => {
  await using home = await readyHome()

  await runProgram('ping', ['--home', home.path])

  expect(await lastScheduled(home.path)).toBeUndefined()
})

test('a run that fails is remembered as one that came', async () => {
  await using home = await readyHome()
  await using store = openJsonFleet({ paths: homePaths(home.path), clock: systemClock })
  await store.recordEvents([]) // makes the folders a round needs
  writeFileSync(
    join(home.path, 'locks', 'claw-ping.db'),
    'no database at all, and long enough to be read as one',
  )

  const args = ['--scheduled', '--quiet', '--proof', 'abc', '--home', home.path]
  const { code, stderr } = await runProgram('ping', args)

  expect(code).toBe(1)
  expect(stderr).toMatch(/the scheduled run of \S+Z failed/)
  expect(await lastScheduled(home.path)).toMatchObject({
    result: { proof: 'abc', failed: expect.stringContaining('claw-ping.db') },
  })
})

test('its log is put aside when it has grown too long, and stays its owner\u2019s alone', async () => {
  await using home = await readyHome()
  const log = join(home.path, 'logs', 'ping.log')
  mkdirSync(join(home.path, 'logs'), { recursive: true })
  writeFileSync(log, 'old\n', { mode: 0o600 })
  truncateSync(log, 2 * 1024 * 1024 + 1)

  expect(pingIntoLog(home.path)).toBe(0)

  expect(statSync(log).size).toBe(0)
  expect(readFileSync(`${log}.1`, 'latin1').slice(0, 4)).toBe('old\n')
  expect((statSync(`${log}.1`).mode & 0o777).toString(8)).toBe('600')
  expect(existsSync(`${log}.2`)).toBe(false)
})

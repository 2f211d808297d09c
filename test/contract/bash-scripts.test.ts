import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bashScripts, removeBashLaunchers, replaceBashScripts } from '../../src/adapters/bash-scripts.ts'
import { writeLaunchers } from '../../src/adapters/gate.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { temporaryFolder } from '../support/program.ts'

const ORIGINAL = '#!/usr/bin/env bash\nset -euo pipefail\n'

/** A home of the bash version, with launchers of ours for ping and register. */
async function bashHome(name = 'it\'s "$(touch x)"') {
  const folder = await temporaryFolder()
  const paths = homePaths(join(folder.path, name))
  const scripts = join(paths.home, 'scripts')
  mkdirSync(join(scripts, 'lib'), { recursive: true })
  for (const script of ['claw-ping.sh', 'claw-register.sh', 'claw-monitor.sh', 'mine.sh', 'lib/common.sh'])
    writeFileSync(join(scripts, script), ORIGINAL, { mode: 0o755 })
  const script = join(paths.home, 'program.mjs')
  writeFileSync(script, 'console.log(JSON.stringify(process.argv.slice(2)))')
  writeLaunchers({ paths, node: process.execPath, programs: { ping: script, register: script } })
  return { paths, scripts, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const states = (paths: ReturnType<typeof homePaths>) =>
  Object.fromEntries(bashScripts(paths).map(({ name, state }) => [name, state]))

test('programs of the bash version become launchers where we have the program, and the rest stays', async () => {
  await using home = await bashHome()
  const { paths, scripts } = home

  expect(states(paths)).toEqual({
    'claw-monitor.sh': 'kept',
    'claw-ping.sh': 'theirs',
    'claw-register.sh': 'theirs',
  })
  expect(replaceBashScripts(paths)).toEqual(['claw-ping.sh', 'claw-register.sh'])
  expect(replaceBashScripts(paths)).toEqual([])

  const script = join(scripts, 'claw-ping.sh')
  for (const shell of ['bash', 'sh']) {
    const run = spawnSync(`/bin/${shell}`, [script, 'a b', "it's"], {
      encoding: 'utf8',
      env: {},
      cwd: scripts,
    })
    expect(run).toMatchObject({ status: 0, stderr: '', stdout: '["a b","it\'s"]\n' })
  }
  expect(readFileSync(script, 'utf8').split('\n')).toHaveLength(3)
  expect(statSync(script).mode & 0o777).toBe(0o700)
  for (const name of ['mine.sh', 'lib/common.sh', 'claw-monitor.sh'])
    expect(readFileSync(join(scripts, name), 'utf8')).toBe(ORIGINAL)
  expect(readFileSync(join(paths.backups, 'bash-scripts', 'claw-ping.sh'), 'utf8')).toBe(ORIGINAL)
  expect(existsSync(join(scripts, 'x'))).toBe(false)
})

test('what the owner writes over a launcher of ours is kept too when it is replaced', async () => {
  await using home = await bashHome('home')
  const { paths, scripts } = home
  for (const mine of ['mine', 'mine', 'mine again']) {
    replaceBashScripts(paths)
    writeFileSync(join(scripts, 'claw-ping.sh'), mine)
  }
  replaceBashScripts(paths)

  const kept = join(paths.backups, 'bash-scripts')
  const copies = readdirSync(kept).filter(name => name.startsWith('claw-ping.sh'))
  expect(copies.map(name => readFileSync(join(kept, name), 'utf8')).toSorted()).toEqual(
    [ORIGINAL, 'mine', 'mine again'].toSorted(),
  )
})

test('only our launchers are removed again', async () => {
  await using home = await bashHome('home')
  const { paths, scripts } = home
  replaceBashScripts(paths)
  writeFileSync(join(scripts, 'claw-register.sh'), ORIGINAL)

  expect(removeBashLaunchers(paths)).toEqual(['claw-ping.sh'])

  expect(existsSync(join(scripts, 'claw-ping.sh'))).toBe(false)
  expect(readFileSync(join(scripts, 'claw-register.sh'), 'utf8')).toBe(ORIGINAL)
})

test('a home without scripts has none, and a link in their place is not followed', async () => {
  await using home = await bashHome('home')
  const { paths, scripts } = home
  writeFileSync(join(paths.home, 'outside'), ORIGINAL)
  symlinkSync('../outside', join(scripts, 'claw-setup-ssh.sh'))

  expect(states(paths)).not.toHaveProperty('claw-setup-ssh.sh')
  expect(bashScripts(homePaths(join(paths.home, 'none')))).toEqual([])
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { jobName } from '../../src/adapters/job-name.ts'
import { keepLogShort } from '../../src/adapters/own-log.ts'
import { eventually } from '../support/lab/run.ts'
import { loopbackHome } from '../support/mdns-home.ts'
import { scriptOf, temporaryFolder } from '../support/program.ts'

describe('keepLogShort()', () => {
  test('puts aside what is too long while somebody holds it open, and keeps five files', async () => {
    await using folder = await temporaryFolder()
    const log = join(folder.path, 'err.log')
    const descriptor = openSync(log, 'a', 0o600)

    for (let line = 0; line < 9; line += 1) {
      keepLogShort(descriptor, log, 20)
      writeSync(descriptor, `${line}`.padEnd(30, '.'))
    }
    closeSync(descriptor)

    const files = readdirSync(folder.path).toSorted()
    const firsts = files.map(file => readFileSync(join(folder.path, file), 'utf8').slice(0, 1))
    expect(files).toEqual(['err.log', 'err.log.1', 'err.log.2', 'err.log.3', 'err.log.4'])
    expect(firsts).toEqual(['8', '7', '6', '5', '4'])
    expect(statSync(join(folder.path, 'err.log.1')).mode & 0o777).toBe(0o600)
    expect(statSync(log).size).toBe(30)
  })

  test('leaves alone what is another file than the log, and what is no file', async () => {
    await using folder = await temporaryFolder()
    const [log, other] = [join(folder.path, 'err.log'), join(folder.path, 'other')]
    writeFileSync(log, 'x'.repeat(50))
    const descriptor = openSync(other, 'a')
    writeSync(descriptor, 'x'.repeat(50))

    keepLogShort(descriptor, log, 20)
    keepLogShort(openSync('/dev/null', 'a'), log, 20)
    keepLogShort(999, log, 20)
    closeSync(descriptor)

    expect(readdirSync(folder.path)).toEqual(['err.log', 'other'])
    expect(statSync(other).size).toBe(50)
  })
})

test('claw-register run keeps the log short that its keeper writes for it', async () => {
  await using home = await loopbackHome('logging')
  const log = join(home.path, 'logs', 'mdns-register-err.log')
  mkdirSync(join(home.path, 'logs'), { recursive: true })
  writeFileSync(log, 'x'.repeat(3_000_000))
  const stderr = openSync(log, 'a')
  const child = spawn(process.execPath, [scriptOf('register'), 'run', '--home', home.path], {
    env: {},
    stdio: ['ignore', 'ignore', stderr],
  })
  closeSync(stderr)

  await eventually('it is announced', () => readFileSync(log, 'utf8').includes('Announced as'), {
    timeoutMs: 30_000,
  })
  child.kill('SIGTERM')
  await once(child, 'close')

  expect(statSync(log).size).toBeLessThan(10_000)
  expect(statSync(`${log}.1`).size).toBe(3_000_000)
})

describe('jobName()', () => {
  test('is plain for the usual home, its own for every other, and the same for one folder however it is named', async () => {
    await using folder = await temporaryFolder()
    const env = { HOME: folder.path }
    const usual = join(folder.path, '.openclaw', 'claw-clan')
    const [real, link] = [join(folder.path, 'real'), join(folder.path, 'link')]
    mkdirSync(usual, { recursive: true })
    mkdirSync(real)
    symlinkSync(real, link)

    expect(jobName('claw-clan-mdns', usual, env)).toBe('claw-clan-mdns')
    expect(jobName('claw-clan-mdns', join(homedir(), '.openclaw', 'claw-clan'), {})).toBe('claw-clan-mdns')
    expect(jobName('claw-clan-mdns', real, env)).toMatch(/^claw-clan-mdns-[0-9a-f]{8}$/)
    expect(jobName('claw-clan-mdns', link, env)).toBe(jobName('claw-clan-mdns', real, env))
    expect(jobName('claw-clan-mdns', `${real}2`, env)).not.toBe(jobName('claw-clan-mdns', real, env))
  })
})

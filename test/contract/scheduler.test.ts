import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'plist'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PingJob } from '../../src/adapters/scheduler.ts'
import { cronScheduler } from '../../src/adapters/scheduler-cron.ts'
import { launchdScheduler } from '../../src/adapters/scheduler-launchd.ts'
import { id } from '../support/builders.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const now = () => new Date('2026-11-20T12:00:30Z')

let folder = ''
let job: PingJob
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-scheduler-'))
  const program = join(folder, 'claw-ping')
  writeFileSync(program, '#!/bin/sh\necho "$@" >"$0.said.new" && mv "$0.said.new" "$0.said"\n', {
    mode: 0o755,
  })
  job = {
    owner: id('mini'),
    program,
    logs: join(folder, 'logs'),
    intervalMinutes: 15,
    label: 'com.openclaw.claw-clan-ping',
    unit: 'claw-clan-ping',
  }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function program(name: string, ...lines: string[]): string {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  writeFileSync(join(folder, 'bin', name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  return join(folder, 'bin', name)
}

function cron(facts: Partial<PingJob> = {}) {
  const spool = join(folder, 'spool')
  const command = program(
    'crontab',
    `case $1 in`,
    `-l) cat '${spool}' 2>/dev/null || { echo "no crontab for claw" >&2; exit 1; } ;;`,
    `-r) rm '${spool}' ;;`,
    `*) cp "$1" '${spool}.new' && mv '${spool}.new' '${spool}' ;;`,
    'esac',
  )
  const place = {
    command,
    backups: join(folder, 'backups'),
    exclusively: async <T>(work: () => Promise<T>) => await work(),
  }
  const text = () => (existsSync(spool) ? readFileSync(spool, 'utf8') : '')
  return { scheduler: cronScheduler({ ...job, ...facts }, place, now), text, spool }
}

test('cron: what is installed is what was announced, and only an exact match counts', async () => {
  const { scheduler, text, spool } = cron()
  writeFileSync(spool, 'mine\n')

  expect(await scheduler.state()).toMatchObject({ installed: false, matches: false, lines: [] })
  expect([await scheduler.install(), await scheduler.install()]).toEqual([true, false])
  expect(await scheduler.state()).toMatchObject({ installed: true, matches: true, lines: scheduler.lines })
  expect(text()).toBe(`# BEGIN claw-clan mini\n${scheduler.lines[0]}\n# END claw-clan mini\nmine\n`)

  writeFileSync(spool, text().replace(/^[0-9,]+ \*/m, '0 *'))
  expect(await scheduler.state()).toMatchObject({ installed: true, matches: false })
  expect(await cron({ intervalMinutes: 30 }).scheduler.state()).toMatchObject({ matches: false })

  expect([await scheduler.remove(), await scheduler.remove()]).toEqual([true, false])
  expect(text()).toBe('mine\n')
})

test('cron: the line for the proof run is there while it is waited for, in the next minutes only', async () => {
  const { scheduler, text } = cron()
  await scheduler.install()
  const before = text()
  const minutes = [1, 2, 3].map(n => (now().getMinutes() + n) % 60).join(',')
  {
    await using soon = await scheduler.runSoon('proof1')
    expect(soon.hasProof).toBe(true)
    expect(text()).toMatch(
      new RegExp(`^${minutes} \\* \\* \\* \\* .* --proof proof1 # claw-clan mini check$`, 'm'),
    )
  }

  expect(text()).toBe(before)
})

test('cron: what a killed run and a former id of this home left goes with the next schedule', async () => {
  const { scheduler, text } = cron()
  const former = cron({ owner: id('old') }).scheduler
  await former.install()
  await former.runSoon('left')
  await scheduler.runSoon('left')

  await scheduler.install()
  expect(text()).toBe(`# BEGIN claw-clan mini\n${scheduler.lines[0]}\n# END claw-clan mini\n`)
})

test('cron: the block of another home stays', async () => {
  const { scheduler, text } = cron()
  const other = cron({ owner: id('other'), program: '/elsewhere/bin/claw-ping' }).scheduler
  await other.install()
  const theirs = text()

  await scheduler.install()
  await scheduler.remove()

  expect(text()).toBe(theirs)
})

test('cron: without a crontab program there is nothing, and it says so', async () => {
  const place = {
    command: 'claw-no-crontab',
    backups: folder,
    exclusively: async <T>(w: () => Promise<T>) => w(),
  }
  const scheduler = cronScheduler(job, place, now)

  expect(await scheduler.state()).toMatchObject({ installed: false, lines: [] })
  expect(await scheduler.remove()).toBe(false)
  expect(await scheduler.trouble()).toMatchObject({ hint: expect.stringMatching(/--scheduler systemd/) })
})

test('launchd: an agent that starts claw-ping every so often, and once when asked to', async () => {
  const state = join(folder, 'state')
  mkdirSync(state)
  const fake = join(ROOT, 'test', 'support', 'fake-launchctl.ts')
  program('launchctl', `exec '${process.execPath}' '${fake}' '${state}' "$@"`)
  const env = { HOME: folder, PATH: `${join(folder, 'bin')}:/usr/bin:/bin` }
  const session = { env, uid: process.getuid?.() ?? 0, templates: join(ROOT, 'launchd') }
  const scheduler = launchdScheduler({ ...job, intervalMinutes: 25 }, session, 'darwin')

  expect([await scheduler.install(), await scheduler.install()]).toEqual([true, false])
  expect(await scheduler.state()).toMatchObject({ installed: true, matches: true, lines: scheduler.lines })
  expect(scheduler.everyMinutes).toBe(25)
  expect(parse(readFileSync(scheduler.where, 'utf8'))).toMatchObject({
    Label: 'com.openclaw.claw-clan-ping',
    ProgramArguments: [job.program, '--scheduled', '--quiet'],
    StartInterval: 1500,
    RunAtLoad: false,
    StandardOutPath: join(folder, 'logs', 'ping.log'),
  })

  await using _soon = await scheduler.runSoon('x')
  expect(readFileSync(join(state, 'calls'), 'utf8')).toMatch(/^kickstart -k \S+claw-clan-ping$/m)

  expect([await scheduler.remove(), await scheduler.remove()]).toEqual([true, false])
  expect(existsSync(scheduler.where)).toBe(false)
})

test('launchd: on another system it is not there', async () => {
  const scheduler = launchdScheduler(job, undefined, 'linux')

  expect(await scheduler.trouble()).toMatchObject({ code: 'bad-input' })
  expect(await scheduler.state()).toMatchObject({ installed: false })
})

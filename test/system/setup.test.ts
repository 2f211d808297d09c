import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { of, pingFrom } from '../support/clan.ts'
import { type Daemon, type Machine, openLab } from '../support/lab/lab.ts'
import { startUserSystemd } from '../support/lab/user-systemd.ts'
import { scriptOf } from '../support/program.ts'

type Step = {
  readonly step: string
  readonly outcome: string
  readonly note: string
  readonly next: string | null
}

const outcomes = (steps: readonly Step[]) =>
  Object.fromEntries(steps.map(({ step, outcome }) => [step, outcome]))

/** Another machine, set up and announced. */
async function announced(machine: Machine, name: string, lead: number): Promise<void> {
  await machine.claw('setup', ['--yes', '--gateway-id', name, '--lead', String(lead)])
  const register = await machine.spawnClaw('register', ['run'])
  await register.waitFor(/Announced/)
}

async function setUp(machine: Machine, ...flags: string[]) {
  const { code, stdout, stderr } = await machine.claw('setup', [...flags, '--json'], { timeoutMs: 240_000 })
  return { code, stderr, document: JSON.parse(stdout) }
}

/** claw-setup on a terminal of this machine, 80 by 40. */
async function typed(machine: Machine, ...flags: string[]) {
  const command = [process.execPath, scriptOf('setup'), ...flags].map(word => `'${word}'`).join(' ')
  const env = { HOME: machine.home, TERM: 'xterm', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' }
  const daemon = await machine.spawn(
    ['script', '-qec', `stty cols 80 rows 40; exec ${command}`, '/dev/null'],
    {
      env,
    },
  )
  return { daemon, answer: (question: RegExp, keys: string) => answer(daemon, question, keys) }
}

async function answer(daemon: Daemon, question: RegExp, keys: string): Promise<void> {
  await daemon.waitFor(question, 60_000)
  // "y" and "n" answer at once.
  daemon.write(keys === 'y' || keys === 'n' ? keys : `${keys}\r`)
}

describe('claw-setup from nothing', () => {
  test('with flags announces, discovers, enrols, checks and schedules, and doing it again changes nothing', {
    timeout: 300_000,
  }, async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await announced(other, 'studio', 2)
    await using _systemd = await startUserSystemd(ours)
    await ours.startCron()
    const all = [
      '--yes',
      '--gateway-id',
      'mini',
      '--lead',
      '1',
      '--register',
      '--discover',
      '--enrol',
      '--check',
      '--schedule',
    ]

    const first = await setUp(ours, ...all)
    const again = await setUp(ours, ...all)

    expect(outcomes(first.document.steps)).toEqual({
      announce: 'done',
      discover: 'done',
      enrol: 'done',
      check: 'done',
      schedule: 'done',
    })
    expect(first.document.steps.filter(({ next }: Step) => next !== null)).toEqual([])
    expect(first.code).toBe(0)
    expect(outcomes(again.document.steps)).toMatchObject({ announce: 'already', schedule: 'already' })
    expect(again.document).toMatchObject({ changed: false, self: { incarnation: 1 } })
    expect(of(await pingFrom(other), 'mini').outcome).toBe('ack')
    expect((await ours.must(['crontab', '-l'])).match(/claw-ping/g)).toHaveLength(1)
  })

  test('no flag believes a new host key: the step fails, the others are done, the command is named', async () => {
    await using lab = await openLab({ machines: 2, knowsHosts: false })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await announced(other, 'studio', 2)

    const { code, document } = await setUp(ours, '--yes', '--enrol', '--check')

    expect(code).toBe(1)
    expect(outcomes(document.steps)).toEqual({
      announce: 'open',
      discover: 'done',
      enrol: 'failed',
      check: 'open',
      schedule: 'open',
    })
    const enrol = document.steps.find(({ step }: Step) => step === 'enrol')
    expect(enrol.note).toMatch(/studio: .*SHA256:/)
    expect(enrol.next).toBe(`claw-setup-ssh add root ${other.ip}`)
    expect(await readdir(join(ours.clanHome, 'peers')).catch(() => [])).toEqual([])
  })

  test('typed on a terminal: a found machine is chosen, its host key confirmed, and it is enrolled', async () => {
    await using lab = await openLab({ machines: 2, knowsHosts: false })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await announced(other, 'studio', 2)
    const setup = await typed(ours)

    for (const question of [
      /Gateway id/,
      /Name:/,
      /Lead number/,
      /SSH user/,
      /Git repository/,
      /carried away/,
    ])
      await setup.answer(question, '')
    await setup.answer(/may the fleet leader/i, '')
    await setup.answer(/ntfy topic/, '')
    await setup.answer(/Announce this machine/, 'n')
    await setup.answer(/Look for other/, '')
    await setup.answer(/Enrol which.*studio/s, ' ')
    await setup.answer(/login name on studio/, '')
    await setup.answer(/SHA256:[\w+/]{43}/, 'y')
    await setup.answer(/Ask every enrolled/, '')
    await setup.answer(/Ping the fleet by schedule/, 'n')

    expect((await setup.daemon.ended).code).toBe(0)
    const screen = stripVTControlCharacters(setup.daemon.stdout())
    expect(screen).toMatch(/enrol +done +studio enrolled/)
    expect(screen).toMatch(/check +done +1 of 1 answer/)
    expect(screen).toMatch(/schedule +not done +you said no/)
    expect(screen).toMatch(/Next, .*claw-register start.*claw-setup schedule/s)
    expect(of(await pingFrom(other), 'm1').outcome).toBe('ack')
  })
})

const FOREIGN = '# mine\nMAILTO=me\n0 4 * * * echo 50\\% of claw-clan\n'

/** A home as the bash version left it, at work in cron. */
async function bashHome(machine: Machine): Promise<string> {
  const home = machine.clanHome
  await mkdir(join(home, 'scripts'), { recursive: true })
  const state = {
    gatewayId: 'old',
    name: 'Old',
    leadNumber: 3,
    ip: machine.ip,
    sshUser: 'root',
    version: '1.0.0',
  }
  await writeFile(
    join(home, 'state.json'),
    JSON.stringify({ ...state, registeredAt: '2026-02-14T10:00:00Z', githubRepo: 'null' }),
  )
  for (const name of ['claw-ping.sh', 'claw-discover.sh', 'claw-frobnicate.sh'])
    await writeFile(join(home, 'scripts', name), '#!/bin/bash\necho bash\n', { mode: 0o755 })
  const lines = `*/15 * * * * ${home}/scripts/claw-ping.sh >> ${home}/logs/ping.log 2>&1 # claw-clan\n`
  await machine.must(['crontab', '-'], { input: `${FOREIGN}${lines}` })
  return home
}

describe('a machine of the bash version', () => {
  test('keeps everything until its owner says yes; then ours is in its place, and nothing of his is gone', {
    timeout: 240_000,
  }, async () => {
    await using lab = await openLab({ machines: 1 })
    const machine = lab.machine(1)
    const home = await bashHome(machine)
    await machine.startCron()
    const before = await machine.must(['crontab', '-l'])

    const left = await setUp(machine, '--yes')
    const declined = await setUp(machine, '--no-replace-bash', '--no-register')
    const untouched = await machine.must(['crontab', '-l'])
    const replaced = await setUp(machine, '--replace-bash')
    const again = await setUp(machine, '--replace-bash')

    expect(left.document.self).toMatchObject({ gatewayId: 'old', leadNumber: 3 })
    expect(outcomes(declined.document.steps)).toMatchObject({ 'bash-version': 'declined' })
    expect(untouched).toBe(before)
    expect(replaced.document.steps[0]).toMatchObject({
      step: 'bash-version',
      outcome: 'done',
      note: 'replaced 1 cron line, 2 scripts',
    })
    expect(outcomes(again.document.steps)).toMatchObject({ 'bash-version': 'already' })
    const crontab = await machine.must(['crontab', '-l'])
    expect(crontab).toContain(FOREIGN)
    expect(crontab).not.toContain('claw-ping.sh')
    expect(crontab).toContain('# claw-clan old ping')
    const said = await machine.must([join(home, 'scripts', 'claw-ping.sh'), '--version'])
    expect(said).toMatch(/^\d+\.\d+\.\d+/)
    expect(await readFile(join(home, 'scripts', 'claw-frobnicate.sh'), 'utf8')).toContain('echo bash')
    expect(await readFile(join(home, 'backups', 'bash-scripts', 'claw-ping.sh'), 'utf8')).toContain(
      'echo bash',
    )
  })
})

test('a machine that is renamed keeps one schedule, under its new id', async () => {
  await using lab = await openLab({ machines: 1 })
  const machine = lab.machine(1)
  await machine.must(['crontab', '-'], { input: FOREIGN })
  await setUp(machine, '--yes', '--gateway-id', 'before')
  await machine.claw('setup', ['schedule', '--no-wait'])

  const { document } = await setUp(machine, '--gateway-id', 'after')

  expect(document).toMatchObject({ formerId: 'before', self: { gatewayId: 'after' } })
  expect(document.warnings.join()).toMatch(/know this one as "before"/)
  const crontab = await machine.must(['crontab', '-l'])
  expect(crontab).toContain(FOREIGN)
  expect(crontab).toContain('# claw-clan after ping')
  expect(crontab).not.toContain('before')
})

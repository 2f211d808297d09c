import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { setUpAll } from '../support/clan.ts'
import { buildPrograms } from '../support/installed.ts'
import { type Machine, openLab } from '../support/lab/lab.ts'
import { startUserSystemd } from '../support/lab/user-systemd.ts'
import { discoverFrom, timeUntil } from '../support/mdns-lab.ts'
import { temporaryFolder } from '../support/program.ts'
import { register, statusOf, unitFolder } from '../support/register-lab.ts'

const WORKER = join(import.meta.dirname, '..', 'support', 'install-worker.ts')

const heardFrom = async (machine: Machine, gatewayId: string) =>
  (await discoverFrom(machine, '1')).found.some(each => each.gatewayId === gatewayId)

describe('claw-register and the systemd of its user', () => {
  test('start announces, status tells the truth, a reboot and a crash change nothing, stop ends it', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await setUpAll(lab.machines)
    await mkdir(unitFolder(ours), { recursive: true })
    await writeFile(join(unitFolder(ours), 'foreign.service'), '[Service]\nExecStart=/bin/true\n')
    const systemd = await startUserSystemd(ours)
    const mode = await register(ours, 'start', '--dry-run')
    const untouched = await readdir(unitFolder(ours))

    const started = await register(ours, 'start')
    const again = await register(ours, 'start', '--json')
    const running = await statusOf(ours)
    const heard = await heardFrom(other, 'm1')

    const file = join(unitFolder(ours), 'claw-clan-mdns.service')
    expect(mode.stdout).toContain(`ExecStart="${join(ours.clanHome, 'bin', 'claw-register')}" "run"`)
    expect(untouched).toEqual(['foreign.service'])
    expect(started).toMatchObject({ code: 0, stderr: '' })
    expect(started.stdout).toMatch(new RegExp(`^m1 is announced: heard at ${ours.ip}\n`))
    expect(JSON.parse(again.stdout)).toMatchObject({ schema: 1, changed: false, announced: true })
    expect(running).toMatchObject({
      announced: true,
      heardAt: [ours.ip],
      manager: 'systemd',
      startsAt: 'login',
      warnings: ['It ends when you log out, and starts only when you log in'],
      next: 'loginctl enable-linger',
    })
    expect(running.process?.pid).toBe(running.job?.pid)
    expect(heard).toBe(true)

    await ours.must(['kill', '-KILL', String(running.process?.pid)])
    await timeUntil('it is announced again', async () => (await statusOf(ours)).announced, 40_000)

    await ours.kill()
    await ours.boot()
    await systemd[Symbol.asyncDispose]()
    await using afterBoot = await startUserSystemd(ours)
    await timeUntil('it is announced after the boot', async () => (await statusOf(ours)).announced, 40_000)
    const stopped = await register(ours, 'stop')
    const nothing = await register(ours, 'stop')
    const silent = await statusOf(ours)

    expect(afterBoot.daemon.pid).toBeGreaterThan(0)
    expect(stopped).toMatchObject({ code: 0, stdout: 'Stopped; it does not come back at boot\n' })
    expect(nothing).toMatchObject({ code: 0, stdout: 'Nothing to stop\n' })
    expect(await heardFrom(other, 'm1')).toBe(false)
    expect(silent).toMatchObject({ announced: false, process: null, startsAt: 'never' })
    expect(silent.next).toBe('claw-register start')
    expect(existsSync(file)).toBe(false)
    expect(await readdir(unitFolder(ours))).toEqual(['foreign.service'])
  })

  test('a change of version starts what it keeps anew, and nothing that was stopped', async () => {
    await using folder = await temporaryFolder()
    await using lab = await openLab({ machines: 1 })
    const ours = lab.machine(1)
    await setUpAll([ours])
    await using _systemd = await startUserSystemd(ours)
    const dist = buildPrograms(join(folder.path, 'dist'))
    const install = () => ours.must([process.execPath, WORKER, ours.clanHome, dist])
    await install()
    await appendFile(join(dist, 'lib', 'setup.js'), '\n// another version\n')
    await install()
    await register(ours, 'start')
    const before = await statusOf(ours)
    const setup = async (word: string) =>
      JSON.parse(await ours.must([join(ours.clanHome, 'bin', 'claw-setup'), word, '--json']))

    const back = await setup('rollback')
    const after = await statusOf(ours)
    await register(ours, 'stop')
    await install()
    const stopped = await setup('rollback')

    expect(back).toMatchObject({ restarted: ['claw-register'], restart: [] })
    expect(after).toMatchObject({ announced: true, warnings: before.warnings })
    expect(after.process?.pid).toBe(after.job?.pid)
    expect(after.process?.pid).not.toBe(before.process?.pid)
    expect(stopped).toMatchObject({ restarted: [], restart: [] })
    expect((await statusOf(ours)).process).toBeNull()
  })

  test('what runs and is not heard is not called announced', async () => {
    await using lab = await openLab({ machines: 1 })
    const ours = lab.machine(1)
    await setUpAll([ours])
    await using _systemd = await startUserSystemd(ours)
    await ours.must(['mount', '-t', 'tmpfs', 'none', '/var/lib/systemd'])
    await ours.must(['mkdir', '-p', '/var/lib/systemd/linger'])
    await ours.must(['touch', '/var/lib/systemd/linger/root'])
    const block = 'table inet t {\nchain c {\ntype filter hook output priority 0\nudp dport 5353 drop\n}\n}\n'

    await ours.must(['nft', '-f', '-'], { input: block })
    const deaf = await register(ours, 'start')
    await ours.must(['nft', 'delete', 'table', 'inet', 't'])
    await timeUntil('it is announced', async () => (await statusOf(ours)).announced, 30_000)
    const fine = await statusOf(ours)
    await ours.must(['kill', '-STOP', String(fine.process?.pid)])
    const frozen = await statusOf(ours)
    const checked = await register(ours, 'status', '--check')
    const restarted = await register(ours, 'restart', '--json')

    expect(deaf.code).toBe(1)
    expect(deaf.stderr).toMatch(
      /^claw-register start: Started, and not announced: Process \d+ announces it, and .*Cannot use the interface "eth0"/,
    )
    expect(deaf.stderr).toContain('UDP port 5353')
    expect(fine).toMatchObject({ announced: true, startsAt: 'boot', warnings: [], next: null })
    expect(frozen).toMatchObject({
      announced: false,
      process: { pid: null },
      job: { pid: fine.process?.pid },
      warnings: ['Its process is there and does not answer: it is frozen or stuck'],
      next: 'claw-register restart',
    })
    expect(checked.code).toBe(1)
    expect(checked.stdout).toMatch(/^m1 is not announced\n {2}process {3}does not answer\n/)
    expect(restarted.code).toBe(0)
    expect(JSON.parse(restarted.stdout)).toMatchObject({ announced: true, warnings: [] })
    expect(JSON.parse(restarted.stdout).process.pid).not.toBe(fine.process?.pid)
  })

  test('restart takes the installed version of now, and stop ends also a job whose file is gone', async () => {
    await using lab = await openLab({ machines: 1 })
    const ours = lab.machine(1)
    await setUpAll([ours])
    await using _systemd = await startUserSystemd(ours)
    const launcher = join(ours.clanHome, 'bin', 'claw-register')
    await register(ours, 'start')

    const text = await readFile(launcher, 'utf8')
    await rm(launcher)
    await writeFile(launcher, text.replace('#!/bin/sh\n', '#!/bin/sh\nexport CLAW_TEST_MARK=new\n'), {
      mode: 0o755,
    })
    const { code, stdout } = await register(ours, 'restart', '--json')
    const environment = await ours.must(['cat', `/proc/${JSON.parse(stdout).process.pid}/environ`])
    await rm(join(unitFolder(ours), 'claw-clan-mdns.service'))
    const stopped = await register(ours, 'stop', '--json')

    expect(code).toBe(0)
    expect(environment).toContain('CLAW_TEST_MARK=new')
    expect(JSON.parse(stopped.stdout)).toEqual({ schema: 1, stopped: true, process: null })
  })

  test('a program that cannot run is told of with its exit code, and stays installed', async () => {
    await using lab = await openLab({ machines: 1 })
    const ours = lab.machine(1)
    await setUpAll([ours])
    await using _systemd = await startUserSystemd(ours)
    const launcher = join(ours.clanHome, 'bin', 'claw-register')
    await rm(launcher)
    await writeFile(launcher, '#!/bin/sh\nexit 9\n', { mode: 0o755 })

    const { code, stderr } = await register(ours, 'start')

    expect(code).toBe(1)
    expect(stderr).toContain('Started, and not announced: systemd has it and does not run it')
    expect(stderr).toContain('its last process ended with 9')
    expect(stderr).toContain('mdns-register-err.log')
    expect((await register(ours, 'stop')).stdout).toContain('Stopped')
  })

  test('a process that nobody keeps is told of, and is no reason to start a second one', async () => {
    await using lab = await openLab({ machines: 1 })
    const ours = lab.machine(1)
    await setUpAll([ours])
    await using _systemd = await startUserSystemd(ours)
    const foreground = await ours.spawnClaw('register', ['run'])
    await foreground.waitFor(/Announced as/, 30_000)

    const started = await register(ours, 'start')
    const state = await statusOf(ours)
    const stopped = await register(ours, 'stop')

    expect(started.code).toBe(1)
    expect(started.stderr).toMatch(/process \d+ announces this machine already, and systemd does not keep it/)
    expect(state).toMatchObject({
      announced: true,
      job: { installed: false },
      warnings: ['It ends with its process and does not come back at boot'],
    })
    expect(stopped.stdout).toMatch(/^Nothing to stop\nProcess \d+ announces this machine all the same/)
    expect(existsSync(join(unitFolder(ours), 'claw-clan-mdns.service'))).toBe(false)
  })
})

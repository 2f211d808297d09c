import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrolAll, setUpAll } from '../support/clan.ts'
import type { Told } from '../support/doctor-home.ts'
import { type Lab, type Machine, openLab } from '../support/lab/lab.ts'

const OWN = '0 3 * * * /usr/bin/backup 100% # mine\n'

async function examine(machine: Machine, ...flags: string[]): Promise<readonly Told[]> {
  const { code, stdout, stderr } = await machine.claw('doctor', ['--json', ...flags], { timeoutMs: 120_000 })
  if (code !== 0) throw new Error(`claw-doctor on ${machine.hostName} ended with ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout).findings
}

/** What was found under one id, as `severity: message`. */
const under = (findings: readonly Told[], id: string) =>
  findings.filter(each => each.id === id).map(({ severity, message }) => `${severity}: ${message}`)

describe('a fleet, fault by fault', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ machines: ['alpha', 'beta', 'gamma'] })
    await setUpAll(lab.machines)
    await enrolAll(lab.machines)
  })
  afterAll(() => lab[Symbol.asyncDispose]())
  const alpha = () => lab.machine('alpha')
  const beta = () => lab.machine('beta')
  const gamma = () => lab.machine('gamma')

  test('a healthy machine that is announced and scheduled has nothing wrong with it', async () => {
    await using running = new AsyncDisposableStack()
    const cron = await alpha().startCron()
    running.defer(async () => void (await cron.stop()))
    const register = await alpha().spawnClaw('register', ['run'])
    running.defer(async () => void (await register.stop()))
    await register.waitFor(/Announced/, 30_000)
    await alpha().must(['crontab', '-'], { input: OWN })
    const schedule = await alpha().claw('setup', ['schedule', '--json'], { timeoutMs: 120_000 })

    const findings = await examine(alpha())

    expect(schedule.code).toBe(0)
    expect(findings.filter(({ severity }) => severity === 'problem')).toEqual([])
    expect(under(findings, 'peers')).toEqual(['ok: 2 peers answered'])
    expect(under(findings, 'clock')).toEqual(['ok: The clock agrees with 2 peers'])
    expect(under(findings, 'schedule')).toEqual(['ok: cron pings every 15 min'])
    expect(under(findings, 'authorized-keys')).toEqual(["ok: 2 machines may reach this one's gate"])
    expect(under(findings, 'sshd').join()).toMatch(/^ok: sshd answers on port 22 with host key SHA256:/)
    expect(under(findings, 'announcement').join()).not.toMatch(/not heard|Nothing announces/)
  })

  test('our line in the crontab was changed: found, and put back with every other byte as it was', async () => {
    await using running = new AsyncDisposableStack()
    const cron = await alpha().startCron()
    running.defer(async () => void (await cron.stop()))
    const good = await alpha().must(['crontab', '-l'])
    const bad = good.replace(/ --scheduled/, '')
    await alpha().must(['crontab', '-'], { input: bad })

    const found = await examine(alpha())
    const planned = await examine(alpha(), '--fix', '--dry-run')
    const untouched = await alpha().must(['crontab', '-l'])
    const mended = await examine(alpha(), '--fix')

    expect(bad).not.toBe(good)
    expect(under(found, 'schedule').join()).toMatch(/^warning: What cron has in "crontab" is not what/)
    expect(planned.find(({ id }) => id === 'schedule')?.wouldFix).toContain('cron')
    expect(untouched).toBe(bad)
    expect(mended.find(({ id }) => id === 'schedule')?.fixed).toContain('cron')
    expect(await alpha().must(['crontab', '-l'])).toBe(good)
    expect(good).toContain(OWN)
  })

  test('cron is not running', async () => {
    expect(under(await examine(alpha()), 'schedule')).toEqual([
      'problem: cron is not running, so nothing pings by itself',
    ])
  })

  test('not announced', async () => {
    expect(under(await examine(alpha()), 'announcement')).toEqual(['warning: Nothing announces it'])
  })

  test('sshd is stopped: told on the machine itself, and by the one that cannot reach it', async () => {
    await beta().sshd.stop()

    const there = await examine(beta())
    const here = await examine(alpha())
    await beta().sshd.start()

    expect(under(there, 'sshd').join()).toMatch(/^problem: sshd does not answer here on port 22/)
    expect(under(here, 'peers')).toEqual(['warning: beta does not answer: ssh-refused'])
  })

  test('the clock of one peer is an hour ahead; then those of most are, and it is ours that is wrong', async () => {
    const mendBeta = await shiftClock(beta(), 3600)
    const one = await examine(alpha())
    const mendGamma = await shiftClock(gamma(), 3600)
    const most = await examine(alpha())
    await mendBeta()
    await mendGamma()

    expect(under(one, 'clock')).toEqual(["warning: The clock of beta is 60 min ahead of this one's"])
    expect(under(most, 'clock')).toEqual(["warning: This machine's clock is 60 min behind most others"])
  })

  test('another machine announces itself under our id', async () => {
    await using running = new AsyncDisposableStack()
    const avahi = await gamma().startAvahi()
    running.defer(async () => void (await avahi.stop()))
    const txt = ['gateway=alpha', 'name=Alpha', 'lead=1', 'version=2.0.0']
    const spoof = await gamma().publishWithAvahi({
      name: 'Alpha',
      type: '_openclaw._tcp',
      port: 22,
      txt,
    })
    running.defer(async () => void (await spoof.stop()))

    const findings = await examine(alpha())

    expect(under(findings, 'impostor')).toEqual([
      `warning: ${gamma().ip} announces itself as alpha and is not that machine`,
    ])
  })
})

/** Its gate answers as if its clock were so many seconds ahead. @returns puts it back */
async function shiftClock({ clanHome }: Machine, seconds: number): Promise<() => Promise<void>> {
  const gate = join(clanHome, 'bin', 'claw-peer')
  const text = await readFile(gate, 'utf8')
  const shifted = text.replace('"$(date +%s)"', `"$(($(date +%s) + ${seconds}))"`)
  if (shifted === text) throw new Error('The gate does not ask the clock as this test believes')
  await writeFile(gate, shifted)
  return () => writeFile(gate, text)
}

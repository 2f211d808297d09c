import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPrograms, treeOf } from '../support/installed.ts'
import { type Machine, openLab } from '../support/lab/lab.ts'
import { temporaryFolder } from '../support/program.ts'

const worker = join(import.meta.dirname, '..', 'support', 'install-worker.ts')
const CRONTAB = '# mine, and claw-clan is in it\nMAILTO=""\n0 3 * * * echo 100\\%done\n'

let built: Awaited<ReturnType<typeof temporaryFolder>>
let dist: string
beforeAll(async () => {
  built = await temporaryFolder()
  dist = buildPrograms(join(built.path, 'dist'))
})
afterAll(() => built[Symbol.asyncDispose]())

const program = (machine: Machine, name: string) => join(machine.clanHome, 'bin', `claw-${name}`)
/** As an owner does over SSH: an installed program, HOME and nothing else. */
const claw = (machine: Machine, name: string, ...args: string[]) =>
  machine.exec([program(machine, name), ...args], { env: { HOME: machine.home }, timeoutMs: 120_000 })

async function install(machine: Machine, lead: number): Promise<void> {
  await machine.must([process.execPath, worker, machine.clanHome, dist], { env: { HOME: machine.home } })
  const { code, stderr } = await claw(machine, 'setup', '--yes', '--lead', String(lead), '--quiet')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

const traces = async (machine: Machine) => ({
  crontab: await machine.must(['crontab', '-l']),
  keys: readFileSync(join(machine.home, '.ssh', 'authorized_keys'), 'latin1'),
  home: treeOf(machine.home, path => path.startsWith('.ssh')),
})

test('a machine that was installed, enrolled and scheduled uninstalls without a trace, and can no longer be reached', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta'] })
  const [alpha, beta] = [lab.machine('alpha'), lab.machine('beta')]
  await beta.must(['crontab', '-'], { input: CRONTAB })
  appendFileSync(join(beta.home, '.ssh', 'authorized_keys'), 'ssh-rsa AAAA claw-clan:alpha no newline')
  mkdirSync(join(beta.home, '.config', 'systemd', 'user'), { recursive: true })
  writeFileSync(join(beta.home, '.config', 'systemd', 'user', 'own.timer'), '[Timer]\n')
  mkdirSync(join(beta.home, '.openclaw', 'skills', 'own'), { recursive: true })
  const before = await traces(beta)
  await Promise.all([install(alpha, 1), install(beta, 2)])
  expect(await claw(alpha, 'setup-ssh', 'add', 'root', beta.ip, '--json')).toMatchObject({ code: 0 })
  expect(await claw(beta, 'setup', 'schedule', '--scheduler', 'cron', '--no-wait')).toMatchObject({ code: 0 })
  expect(JSON.parse((await claw(alpha, 'ping', '--once', '--json')).stdout).peers).toMatchObject([
    { outcome: 'ack' },
  ])
  expect((await traces(beta)).crontab).toContain(program(beta, 'ping'))

  const { code, stdout, stderr } = await claw(beta, 'setup', 'uninstall', '--yes')

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(await traces(beta)).toEqual(before)
  expect(existsSync(beta.clanHome)).toBe(false)
  expect(stdout).toMatch(/Still enrolled at: alpha\n.*claw-setup-ssh revoke beta --everywhere/)
  expect(beta.processes().filter(({ command }) => command.includes(beta.clanHome))).toEqual([])
  expect(JSON.parse((await claw(alpha, 'ping', '--once', '--json')).stdout).peers).toMatchObject([
    { outcome: 'miss', reason: 'auth-denied' },
  ])
})

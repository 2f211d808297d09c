import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { aPeer } from '../support/builders.ts'
import { readyHome, runProgram, temporaryFolder } from '../support/program.ts'

const PROGRAMS = [
  'clan',
  'doctor',
  'setup',
  'register',
  'discover',
  'setup-ssh',
  'remote-install',
  'ping',
  'status',
  'peer',
]

describe.each(PROGRAMS)('claw-%s', name => {
  test('--help under plain node and an empty environment explains itself and ends with 0', async () => {
    const { code, stdout, stderr } = await runProgram(name, ['--help'])

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: claw-/m)
    expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([])
  })

  test('a wrong word or flag ends with 2 and one line that names it', async () => {
    const { code, stdout, stderr } = await runProgram(name, ['--no-such-flag'])

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('--no-such-flag')
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  })
})

test.each(['ping', 'status', 'discover', 'doctor'])(
  'claw-%s without a home ends with 3 and names the command that makes one',
  async name => {
    await using folder = await temporaryFolder()
    const home = join(folder.path, 'nothing')

    const { code, stdout, stderr } = await runProgram(name, ['--home', home])

    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(home)
    expect(stderr).toContain('claw-setup')
    await expect(stat(home)).rejects.toMatchObject({ code: 'ENOENT' })
  },
)

test('failures with --json are one document on stdout', async () => {
  await using folder = await temporaryFolder()

  const { code, stdout, stderr } = await runProgram('status', ['--json', '--home', join(folder.path, 'x')])

  expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    schema: 1,
    error: { code: 'not-set-up', message: expect.any(String), hint: expect.any(String) },
  })
})

test('claw-setup --yes makes a private home whatever the umask, and its launchers run', async () => {
  await using home = await readyHome('--gateway-id', 'mini', '--lead', '4')

  const files = await readdir(home.path, { recursive: true, withFileTypes: true })
  const modes = await Promise.all(
    files.map(async entry => {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      return mode & 0o077
    }),
  )
  const status = JSON.parse((await runProgram('status', ['--json', '--home', home.path])).stdout)

  expect(modes.every(mode => mode === 0)).toBe(true)
  expect(status).toMatchObject({
    schema: 1,
    self: { gatewayId: 'mini', leadNumber: 4 },
    leader: 'mini',
    isLeader: true,
    peers: [],
  })
  expect((await readdir(join(home.path, 'bin'))).sort()).toEqual(
    expect.arrayContaining(['claw-peer', 'claw-ping', 'claw-status']),
  )
})

test.each([
  ['setup', ['--yes', '--lead', '0'], '--lead'],
  ['setup', ['--yes', '--gateway-id', '../evil'], '--gateway-id'],
  ['setup', ['--yes', '--port', '70000'], '--port'],
  ['setup', ['--yes', '--ssh-user', '-oProxyCommand=x'], '--ssh-user'],
  ['setup', [], '--yes'],
])('claw-%s %j ends with 2, names %s and writes nothing', async (name, args, flag) => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')

  const { code, stderr } = await runProgram(name, [...args, '--home', home])

  expect(code).toBe(2)
  expect(stderr).toContain(flag)
  expect(await readdir(folder.path)).toEqual([])
})

test.each([
  ['ping', ['--only', 'studoi'], 2, 'studio'],
  ['discover', ['0'], 2, 'from 1 to 60'],
  ['discover', ['61'], 2, 'from 1 to 60'],
  ['discover', ['1', '2'], 2, 'Too many'],
  ['status', ['--watch'], 2, 'terminal'],
])('claw-%s %j on a ready home ends with %i and says %s', async (name, args, exit, says) => {
  await using home = await readyHome()
  await putPeer(home.path, 'studio')

  const { code, stderr } = await runProgram(name, [...args, '--home', home.path])

  expect(code).toBe(exit)
  expect(stderr).toContain(says)
})

test('a bad setting does not stop an unattended run: the default is used, status shows it, the events hold it once', async () => {
  await using home = await readyHome()
  await writeFile(join(home.path, 'config.json'), '{"pingTimeoutSeconds": 900, "colour": "red"}', {
    mode: 0o600,
  })

  const first = await runProgram('ping', ['--home', home.path])
  await runProgram('ping', ['--home', home.path])
  const { warnings } = JSON.parse((await runProgram('status', ['--json', '--home', home.path])).stdout)
  const events = (await readFile(join(home.path, 'logs', 'events.log'), 'utf8')).split('\n')

  expect(first.code).toBe(0)
  expect(warnings.join()).toMatch(/900.*config\.json: pingTimeoutSeconds.*from 1 to 60/)
  expect(warnings.join()).toContain('colour')
  expect(events.filter(line => line.includes('pingTimeoutSeconds'))).toHaveLength(1)
  expect(await readFile(join(home.path, 'config.json'), 'utf8')).toContain('colour')
})

test.each([
  ['empty', ''],
  ['truncated', '{"gatewayId":"studio","ip":"10.'],
  ['foreign', '{"name":"not a peer"}'],
  ['another machine', '{"gatewayId":"laptop","ip":"10.0.0.9"}'],
])(
  'a peer file that is %s: one line with its path, exit 1, no stack, the others still shown',
  async (_what, content) => {
    await using home = await readyHome()
    await putPeer(home.path, 'mini2')
    const file = join(home.path, 'peers', 'studio.json')
    await writeFile(file, content, { mode: 0o600 })

    const { code, stdout, stderr } = await runProgram('status', ['--home', home.path])

    expect(code).toBe(1)
    expect(stdout).toContain('mini2')
    expect(stdout + stderr).toContain(file)
    expect(stdout + stderr).not.toMatch(/\n\s+at /)
    expect(await readFile(file, 'utf8')).toBe(content)
  },
)

test('names from a hostile record reach the terminal without a control byte', async () => {
  await using home = await readyHome()
  await putPeer(home.path, 'studio', { name: 'x\u001b]0;owned\u0007\u202e', reason: 'a\u001b[2Jb' })

  const { stdout, stderr } = await runProgram('status', ['--home', home.path])

  expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u)
  expect(stdout).not.toMatch(/\p{Bidi_Control}/u)
})

test('two pings at once: the second is skipped with one line and exit 0, or 75 with --no-wait', async () => {
  await using home = await readyHome()
  await holdOneRun(home.path, async () => {
    const second = await runProgram('ping', ['--home', home.path])
    const refused = await runProgram('ping', ['--no-wait', '--home', home.path])
    const status = await runProgram('status', ['--home', home.path])

    expect(second).toMatchObject({ code: 0, stdout: '' })
    expect(second.stderr).toMatch(/^claw-ping: Another claw-ping is running since .*nothing done\n$/)
    expect(refused.code).toBe(75)
    expect(status.code).toBe(0)
  })
})

async function putPeer(home: string, id: string, more: object = {}): Promise<void> {
  await mkdir(join(home, 'peers'), { recursive: true, mode: 0o700 })
  const file = join(home, 'peers', `${id}.json`)
  await writeFile(file, JSON.stringify({ ...aPeer(), gatewayId: id, ...more }))
  await chmod(file, 0o600)
}

async function holdOneRun(home: string, during: () => Promise<void>): Promise<void> {
  const { acquireLock } = await import('../../src/store/lock.ts')
  const { systemClock } = await import('../../src/adapters/clock.ts')
  const holder = { program: 'claw-ping', pid: process.pid, startedAt: new Date().toISOString() }
  using lock = await acquireLock({
    directory: join(home, 'locks'),
    name: 'claw-ping',
    waitMs: 0,
    holder,
    clock: systemClock,
  })
  expect(lock).toBeDefined()
  await during()
}

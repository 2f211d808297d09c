import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fingerprint } from '../../src/adapters/known-hosts.ts'
import { runProgram, scriptOf } from '../support/program.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'

/** One machine on loopback: a home, and an sshd of its own that leads to it. Root is not needed. */
type OnLoopback = AsyncDisposable & {
  readonly env: Readonly<Record<string, string>>
  readonly sshd: Sshd
  readonly claw: (program: string, ...args: string[]) => ReturnType<typeof runProgram>
}

async function startMachine(id: string, lead: number): Promise<OnLoopback> {
  const folder = mkdtempSync(join(tmpdir(), 'claw-machine-'))
  const home = join(folder, 'clan home')
  const port = await freePort()
  const keys = join(folder, 'ssh', 'authorized_keys')
  mkdirSync(join(folder, 'ssh'))
  const env = {
    HOME: folder,
    PATH: process.env.PATH ?? '',
    CLAW_CLAN_HOME: home,
    CLAW_CLAN_AUTHORIZED_KEYS: keys,
  }
  const setEnv = `SetEnv "CLAW_CLAN_HOME=${home}" CLAW_CLAN_AUTHORIZED_KEYS=${keys}`
  const claw = (program: string, ...args: string[]) => runProgram(program, args, { env, timeoutMs: 60_000 })
  const flags = ['--yes', '--gateway-id', id, '--lead', String(lead), '--port', String(port)]
  const { code, stderr } = await claw('setup', ...flags)
  if (code !== 0) throw new Error(stderr)
  const sshd = await startSshd({ folder: join(folder, 'ssh'), port, config: [setEnv] })
  const dispose = async () => {
    await sshd.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { env, sshd, claw, [Symbol.asyncDispose]: dispose }
}

test('two machines are enrolled in both directions without root, homes with spaces and odd ports included', async () => {
  await using a = await startMachine('alpha', 1)
  await using b = await startMachine('beta', 2)
  const keyOf = ({ sshd }: OnLoopback) => fingerprint(sshd.target.pins[0]?.blob ?? Buffer.alloc(0))
  const login = [
    userInfo().username,
    '127.0.0.1',
    '--port',
    String(b.sshd.port),
    '--identity',
    join(b.sshd.folder, 'client'),
  ]
  const before = readFileSync(join(b.sshd.folder, 'authorized_keys'), 'utf8')

  const added = await a.claw(
    'setup-ssh',
    'add',
    ...login,
    '--ssh-config',
    '/dev/null',
    '--host-key',
    keyOf(b),
    '--json',
  )

  expect(added.stderr).toBe('')
  expect(JSON.parse(added.stdout)).toMatchObject({
    ...{ gatewayId: 'beta', sshPort: b.sshd.port, forward: { outcome: 'ack' }, reverse: { outcome: 'ack' } },
  })
  for (const [machine, other] of [
    [a, 'beta'],
    [b, 'alpha'],
  ] as const) {
    const { stdout } = await machine.claw('ping', '--once', '--json')
    expect(JSON.parse(stdout).peers).toMatchObject([{ gatewayId: other, outcome: 'ack' }])
  }
  expect((await b.claw('setup-ssh', 'forget', 'alpha')).code).toBe(0)
  expect(readFileSync(join(b.sshd.folder, 'authorized_keys'), 'utf8')).toBe(before)
  const { stdout } = await a.claw('ping', '--once', '--json')
  expect(JSON.parse(stdout).peers).toMatchObject([{ outcome: 'miss', reason: 'auth-denied' }])
})

test('introduce refuses what is no document', async () => {
  await using a = await startMachine('alpha', 1)
  const input = (text: string) => a.claw('setup-ssh', 'introduce', '--json', ...(text === '' ? [] : [text]))

  // Without stdin there is no document.
  expect(JSON.parse((await input('')).stdout)).toMatchObject({ schema: 1, error: { code: 'bad-input' } })
  expect((await input('word')).code).toBe(2)
})

test('a host key that the owner has revoked is believed in no case', async () => {
  await using a = await startMachine('alpha', 1)
  using other = await startSshd()
  const [pin] = other.target.pins
  const known = join(other.folder, 'known')
  const config = join(other.folder, 'config')
  writeFileSync(known, `@revoked * ${pin?.type} ${pin?.blob.toString('base64')}\n`)
  writeFileSync(config, `UserKnownHostsFile ${known}\n`)
  const login = [userInfo().username, '127.0.0.1', '--port', String(other.port), '--ssh-config', config]

  for (const vouching of [['--accept-new-host-key'], ['--host-key', fingerprint(pin?.blob ?? Buffer.of())]]) {
    const { code, stdout } = await a.claw('setup-ssh', 'test', ...login, ...vouching, '--json')

    expect(code).toBe(1)
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'host-key-changed',
      message: expect.stringContaining('revokes'),
    })
  }
  expect(other.log()).not.toContain('Accepted')
})

test('Ctrl-C ends the login under way and leaves no temporary file', async () => {
  await using a = await startMachine('alpha', 1)
  using slow = await startSshd({ config: ['ForceCommand sleep 60'] })
  const temporary = mkdtempSync(join(tmpdir(), 'claw-temporary-'))
  const login = [
    userInfo().username,
    '127.0.0.1',
    '--port',
    String(slow.port),
    '--identity',
    join(slow.folder, 'client'),
  ]
  const words = ['test', ...login, '--ssh-config', '/dev/null', '--accept-new-host-key']
  const options = { env: { ...a.env, TMPDIR: temporary }, stdio: 'ignore' } as const
  const child = spawn(process.execPath, [scriptOf('setup-ssh'), ...words], options)
  const ended = new Promise(resolve => child.once('exit', (_code, signal) => resolve(signal)))
  await expect.poll(() => slow.log(), { timeout: 30_000 }).toContain('Starting session')
  expect(readdirSync(temporary).length).toBeGreaterThan(0)

  child.kill('SIGINT')

  expect(await ended).toBe('SIGINT')
  expect(readdirSync(temporary)).toEqual([])
  await expect.poll(() => slow.sessions(), { timeout: 10_000 }).toEqual([])
  rmSync(temporary, { recursive: true })
})

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { loginArguments } from '../../src/adapters/operator-arguments.ts'
import { type OperatorLogin, openOperatorSsh, runAsOperator } from '../../src/adapters/operator-ssh.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'

const MIB = 1024 * 1024
let folder = ''
/** Allows one session at a time. */
let sshd: Sshd
let usual: Sshd
let login: OperatorLogin

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'claw operator-'))
  sshd = await startSshd({ config: ['MaxSessions 1', 'MaxStartups 1000'] })
  usual = await startSshd({ config: ['MaxStartups 1000'] })
  login = loginTo(sshd)
})
afterAll(() => {
  sshd[Symbol.dispose]()
  usual[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

let temporary = ''
beforeEach(() => {
  temporary = mkdtempSync(join(folder, 't'))
  vi.stubEnv('TMPDIR', temporary) // others use the real one at the same time
})
afterEach(() => {
  vi.unstubAllEnvs()
})

function loginTo({ target: { pins }, port, folder }: Sshd): OperatorLogin {
  const [pin] = pins
  return {
    user: userInfo().username,
    host: '127.0.0.1',
    port,
    hostKey: { type: pin?.type ?? '', base64: pin?.blob.toString('base64') ?? '' },
    identityFile: join(folder, 'client'),
    configFile: '/dev/null',
  }
}

const logins = (log: string) => log.split('Accepted publickey').length - 1

/** Two at once, then four one after the other. */
async function sixCommands(to: OperatorLogin): Promise<readonly string[]> {
  await using ssh = openOperatorSsh()
  const run = (command: string) => ssh.run(to, command, { timeoutMs: 20_000 })
  const both = await Promise.all([run('echo 1'), run('sleep 0.2; echo 2')])
  const rest = [await run('echo 3'), await run('echo 4'), await run('echo 5'), await run('echo 6')]
  return [...both, ...rest].map(({ stdout }) => stdout.trim())
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

async function* chunks(count: number) {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(MIB, n)
}

test('nothing of this machine is handed on, whatever the ssh_config says', () => {
  const configFile = join(folder, 'generous')
  const options = ['ForwardAgent', 'ForwardX11', 'Tunnel', 'GSSAPIDelegateCredentials', 'PermitLocalCommand']
  writeFileSync(configFile, options.map(option => `${option} yes\n`).join(''))
  const files = { folder, knownHosts: join(folder, 'k'), socket: join(folder, 's'), identity: undefined }
  const args = loginArguments({ ...login, configFile }, files)

  const { stdout } = spawnSync('ssh', ['-G', ...args], { encoding: 'utf8' })

  const lines = stdout.toLowerCase().split('\n')
  for (const option of options) {
    expect(lines.find(line => line.startsWith(`${option.toLowerCase()} `))).toMatch(/ (no|false)$/)
  }
})

describe('runAsOperator()', () => {
  test('streams many megabytes to the command and tells how far it is', async () => {
    const sent: number[] = []
    const whole = Buffer.concat(Array.from({ length: 24 }, (_, n) => Buffer.alloc(MIB, n)))

    const { code, stdout } = await runAsOperator(login, 'sha256sum', {
      stdin: chunks(24),
      timeoutMs: 60_000,
      onProgress: bytes => sent.push(bytes),
    })

    expect([code, stdout.split(' ')[0]]).toEqual([0, sha256(whole)])
    expect([sent.length, sent.at(-1)]).toEqual([24, 24 * MIB])
  })

  test('a command that ends before it read everything is a result, and the source is closed', async () => {
    let closed = false
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(MIB)
      } finally {
        closed = true
      }
    }

    const { code } = await runAsOperator(login, 'exit 7', { stdin: endless(), timeoutMs: 20_000 })

    expect([code, closed]).toEqual([7, true])
  })

  test('a source that fails is thrown, and does not look like one that ended', async () => {
    const broken = async function* () {
      yield Buffer.from('half')
      throw new Error('the disk is gone')
    }

    await expect(
      runAsOperator(login, 'cat', { stdin: broken(), timeoutMs: 20_000, onProgress: () => {} }),
    ).rejects.toThrow('the disk is gone')
  })

  test('bounds the output, and the time of a command', async () => {
    const loud = runAsOperator(login, 'head -c 200000 /dev/zero', { timeoutMs: 20_000, maxBytes: 100_000 })
    await expect(loud).rejects.toMatchObject({ code: 'command-failed' })

    const endless = runAsOperator(login, 'yes', { timeoutMs: 20_000, maxBytes: 100_000 })
    await expect(endless).rejects.toMatchObject({ code: 'command-failed' })

    const slow = runAsOperator(login, 'sleep 60', { timeoutMs: 300 })
    await expect(slow).rejects.toMatchObject({ code: 'ssh-timeout' })
    await expect.poll(() => sshd.sessions(), { timeout: 10_000 }).toEqual([])
  })

  test('stops when it is told to, and the connection with it', async () => {
    const stop = new AbortController()
    const running = runAsOperator(login, 'sleep 60', { timeoutMs: 60_000, signal: stop.signal })
    await expect.poll(() => sshd.sessions().length, { timeout: 10_000 }).toBeGreaterThan(1)

    stop.abort(new Error('enough'))

    await expect(running).rejects.toThrow('enough')
    await expect.poll(() => sshd.sessions(), { timeout: 10_000 }).toEqual([])
  })

  test('255 is a result when the command itself ended with it', async () => {
    expect(await runAsOperator(login, 'exit 255', { timeoutMs: 20_000 })).toMatchObject({ code: 255 })
  })
})

describe('openOperatorSsh()', () => {
  test('logs in once for six commands, two of them at once, and leaves neither process nor file', async () => {
    expect(await sixCommands(loginTo(usual))).toEqual(['1', '2', '3', '4', '5', '6'])

    await expect.poll(() => logins(usual.log()), { timeout: 10_000 }).toBe(1)
    expect(readdirSync(temporary)).toEqual([])
    await expect.poll(() => usual.sessions(), { timeout: 10_000 }).toEqual([])
  })

  test('where sshd allows one session at a time, a command that finds it taken logs in for itself', async () => {
    expect(await sixCommands(login)).toEqual(['1', '2', '3', '4', '5', '6'])

    expect(readdirSync(temporary)).toEqual([])
    await expect.poll(() => sshd.sessions(), { timeout: 10_000 }).toEqual([])
  })

  test('tells a lost connection from a command that failed, and logs in again for the next one', async () => {
    await using ssh = openOperatorSsh()
    await ssh.run(login, 'true', { timeoutMs: 20_000 })

    const cut = ssh.run(login, 'kill -9 $PPID; sleep 60', { timeoutMs: 20_000 })

    await expect(cut).rejects.toMatchObject({ code: 'ssh-failed' })
    await expect(cut).rejects.toThrow(/the connection was lost/)
    expect((await ssh.run(login, 'echo again', { timeoutMs: 20_000 })).stdout).toBe('again\n')
  })

  test('a folder for temporary files with a long name, or with tokens of ssh in it, is no obstacle', async () => {
    for (const name of ['x'.repeat(120), '100% %h temporary', `$\{HOME} "temporary"`]) {
      mkdirSync(join(temporary, name))
      vi.stubEnv('TMPDIR', join(temporary, name))

      expect((await runAsOperator(login, 'echo here', { timeoutMs: 20_000 })).stdout).toBe('here\n')
      expect(readdirSync(join(temporary, name))).toEqual([])
    }
  })

  test('a key file is used whatever its name is', async () => {
    for (const name of ['100% %h key', `it's "my" $\{HOME} $(touch x) key`, '-i', '~']) {
      const identityFile = join(temporary, name)
      copyFileSync(login.identityFile ?? '', identityFile)

      const { stdout } = await runAsOperator({ ...login, identityFile }, 'echo in', { timeoutMs: 20_000 })
      expect([name, stdout]).toEqual([name, 'in\n'])
      rmSync(identityFile)
    }
    expect(readdirSync(temporary)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends the shared connection and removes its files',
    async signal => {
      const program = join(folder, 'hold.ts')
      const adapter = join(import.meta.dirname, '../../src/adapters/operator-ssh.ts')
      writeFileSync(
        program,
        `import { openOperatorSsh } from ${JSON.stringify(adapter)}
const ssh = openOperatorSsh()
await ssh.run(${JSON.stringify(login)}, 'true', { timeoutMs: 20000 })
console.log('open')
await ssh.run(${JSON.stringify(login)}, 'sleep 60', { timeoutMs: 60000 })`,
      )
      const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise(resolve => child.stdout.once('data', resolve))
      expect(sshd.sessions()).not.toEqual([])

      child.kill(signal)

      await expect.poll(() => child.signalCode, { timeout: 10_000 }).toBe(signal)
      await expect.poll(() => sshd.sessions(), { timeout: 10_000 }).toEqual([])
      expect(readdirSync(temporary)).toEqual([])
    },
  )

  test('never asks on a terminal it was not given, whatever the configuration says', async () => {
    const configFile = join(folder, 'asking')
    writeFileSync(configFile, 'Host *\nBatchMode no\nNumberOfPasswordPrompts 3\n')
    const started = readFileSync(join(sshd.folder, 'authorized_keys'))
    writeFileSync(join(sshd.folder, 'authorized_keys'), '')
    try {
      await expect(
        runAsOperator({ ...login, configFile }, 'true', { timeoutMs: 20_000 }),
      ).rejects.toMatchObject({
        code: 'auth-denied',
      })
    } finally {
      writeFileSync(join(sshd.folder, 'authorized_keys'), started)
    }
  })
})

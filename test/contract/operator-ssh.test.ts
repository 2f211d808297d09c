import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type OperatorLogin, runAsOperator } from '../../src/adapters/operator-ssh.ts'
import { OPERATOR_COMMAND, operatorScript, parseOperatorReport } from '../../src/fleet/operator-step.ts'
import { id } from '../support/builders.ts'
import { aKey } from '../support/public-keys.ts'
import { freePort, makeKey, type Sshd, startSshd } from '../support/sshd.ts'

const nonce = '0123456789abcdef0123456789abcdef'
let folder = ''
let sshd: Sshd
let login: OperatorLogin

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'claw operator-'))
  sshd = await startSshd({ hostKeys: ['ed25519', 'rsa'], config: ['SetEnv CLAW_CLAN_HOME=/nowhere'] })
  const [pin] = sshd.target.pins
  login = {
    user: userInfo().username,
    host: '127.0.0.1',
    port: sshd.port,
    hostKey: { type: pin?.type ?? '', base64: pin?.blob.toString('base64') ?? '' },
    identityFile: join(sshd.folder, 'client'),
    configFile: '/dev/null',
  }
})
afterAll(() => {
  sshd[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const look = (more: Partial<OperatorLogin> = {}, timeoutMs = 20_000) =>
  runAsOperator({ ...login, ...more }, OPERATOR_COMMAND, {
    stdin: operatorScript({ kind: 'look' }, nonce),
    timeoutMs,
  })

describe('runAsOperator()', () => {
  test('runs a step with the named identity and reads its report', async () => {
    const { stdout, stderr } = await look()

    expect(parseOperatorReport(stdout, stderr, nonce)).toMatchObject({ ownAddress: '127.0.0.1', setUp: 'no' })
  })

  test('takes an RSA host key by its SHA-2 signature', async () => {
    const rsa = sshd.target.pins.find(({ type }) => type === 'ssh-rsa')
    const hostKey = { type: 'ssh-rsa', base64: rsa?.blob.toString('base64') ?? '' }

    expect((await look({ hostKey })).code).toBe(0)
  })

  test('sends nothing to a host that shows another key than the accepted one', async () => {
    const before = sshd.log().length

    await expect(look({ hostKey: aKey('somebody') })).rejects.toMatchObject({ code: 'host-key-changed' })
    expect(sshd.log().slice(before)).not.toMatch(/Accepted|userauth|Starting session/)
  })

  test('says which line lets a refused user in', async () => {
    const identityFile = makeKey(join(folder, 'stranger'), 'ed25519')

    await expect(look({ identityFile })).rejects.toMatchObject({
      code: 'auth-denied',
      hint: expect.stringMatching(new RegExp(`ssh-copy-id .*-p ${sshd.port} ${login.user}@127.0.0.1`)),
    })
  })

  test('tells a port without sshd from a machine that hangs', async () => {
    await expect(look({ port: await freePort() })).rejects.toMatchObject({ code: 'ssh-refused' })

    process.kill(sshd.pid, 'SIGSTOP')
    try {
      await expect(look({}, 1500)).rejects.toMatchObject({ code: 'ssh-timeout' })
    } finally {
      process.kill(sshd.pid, 'SIGCONT')
    }
  })

  test.each([
    ['a name nobody has', { host: 'nobody.invalid' }, 'host-unreachable'],
    ['an identity file that is not there', { identityFile: '/nowhere/key' }, 'bad-key'],
    ['an ssh_config that is not there', { configFile: '/nowhere/config' }, 'bad-input'],
  ])('tells %s apart', async (_what, more, code) => {
    await expect(look(more)).rejects.toMatchObject({ code })
  })

  test("the owner's configuration cannot switch the checks off, forward, or run another command", async () => {
    const configFile = join(folder, 'config')
    const lines = ['Host *', 'StrictHostKeyChecking no', 'UserKnownHostsFile /dev/null', 'ForwardAgent yes']
    const more = [
      'RemoteCommand echo evil',
      'RequestTTY force',
      `LocalForward ${await freePort()} 127.0.0.1:1`,
    ]
    writeFileSync(configFile, [...lines, ...more].join('\n'))

    await expect(look({ configFile, hostKey: aKey('somebody') })).rejects.toMatchObject({
      code: 'host-key-changed',
    })
    const { stdout, stderr } = await look({ configFile })
    expect(parseOperatorReport(stdout, stderr, nonce).setUp).toBe('no')
  })

  test('a connection that is already open and shared is not used: its host key was checked by others', async () => {
    const socket = join(folder, 'shared')
    const configFile = join(folder, 'shared.config')
    writeFileSync(configFile, `Host *\nControlMaster auto\nControlPath "${socket}"\n`)
    const trusting = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null']
    const identity = ['-i', join(sshd.folder, 'client'), '-p', String(sshd.port)]
    const master = spawn('ssh', ['-F', configFile, ...trusting, ...identity, '-M', '-N', '127.0.0.1'], {
      stdio: 'ignore',
    })
    try {
      await expect.poll(() => existsSync(socket), { timeout: 10_000 }).toBe(true)

      await expect(look({ configFile, hostKey: aKey('somebody') })).rejects.toMatchObject({
        code: 'host-key-changed',
      })
    } finally {
      master.kill()
    }
  })

  test('leaves no file behind, and nothing of the step on a command line', async () => {
    const temporary = join(folder, 'temporary')
    const seen = join(folder, 'seen')
    const secret = 'a.secret-id'
    mkdirSync(temporary)
    // The remote side looks at the process list while the step runs.
    const input = `ps -A -o args= > '${seen}'\n${operatorScript({ kind: 'ping', gatewayIds: [id(secret)] }, nonce)}`
    vi.stubEnv('TMPDIR', temporary) // others use the real one at the same time

    await runAsOperator(login, OPERATOR_COMMAND, { stdin: input, timeoutMs: 20_000 })
    vi.unstubAllEnvs()

    expect(readFileSync(seen, 'utf8')).toContain(temporary)
    expect(readFileSync(seen, 'utf8')).not.toContain(secret)
    expect(readdirSync(temporary)).toEqual([])
  })
})

describe('the remote step', () => {
  const shells = ['sh', 'dash', 'bash', 'busybox', 'ksh', 'zsh', 'mksh'].filter(
    shell => spawnSync('/bin/sh', ['-c', `command -v ${shell}`]).status === 0,
  )
  const run = (shell: string, script: string, home: string) =>
    execFileSync(shell, shell === 'busybox' ? ['sh', '-s'] : ['-s'], {
      input: script,
      env: {
        PATH: process.env.PATH,
        HOME: '/nowhere',
        CLAW_CLAN_HOME: home,
        SSH_CONNECTION: '10.9.8.7 1 10.0.0.2 22',
      },
      encoding: 'utf8',
    })
  const homeOf = (name: string) => {
    const home = join(folder, `${name} with 'quotes' $(touch x)`)
    mkdirSync(join(home, 'bin'), { recursive: true })
    return home
  }
  const program = (home: string, name: string, text: string) => {
    writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(home, 'bin', name), 0o700)
  }

  test.each(shells)('%s hands the document to the program of a home with any name, byte for byte', shell => {
    const home = homeOf(`set up ${shell}`)
    program(home, 'claw-peer', ':')
    program(home, 'claw-setup-ssh', 'printf "%s|" "$@"; cat')
    writeFileSync(join(home, 'identity.json'), '{}')
    const nasty = {
      gatewayId: id('mini'),
      name: `'"\`$(touch ${folder}/hit)\\ END-OF-CLAW-CLAN-DATA é\n`,
      leadNumber: 1,
    }
    const machine = { ...nasty, sshUser: 'claw', version: '2', clanPublicKey: aKey('mini'), reach: null }
    const request = { machines: [machine], forget: [] }

    const report = parseOperatorReport(
      run(shell, operatorScript({ kind: 'introduce', request }, nonce), home),
      '',
      nonce,
    )

    expect(report).toMatchObject({ setUp: 'yes', ownAddress: '10.9.8.7' })
    const [words = '', document = ''] = report.output.split(/\|(?=\{)/)
    expect(words.split('|')).toEqual(['introduce', '--json', '--home', home])
    expect(JSON.parse(document).machines[0].name).toBe(nasty.name)
    expect(existsSync(join(folder, 'hit'))).toBe(false)
  })

  test.each(shells)('%s gives each id to claw-ping as one word', shell => {
    const home = homeOf(`ping ${shell}`)
    for (const name of ['claw-peer', 'claw-setup-ssh']) program(home, name, ':')
    program(home, 'claw-ping', 'printf "%s|" "$@"')
    writeFileSync(join(home, 'identity.json'), '{}')

    const { output } = parseOperatorReport(
      run(shell, operatorScript({ kind: 'ping', gatewayIds: [id('a.b'), id('c')] }, nonce), home),
      '',
      nonce,
    )

    expect(output.split('|')).toEqual([
      ...['--once', '--json', '--home', home, '--only', 'a.b', '--only', 'c'],
      '\n',
    ])
  })

  test('a claw-ping that another run keeps from running is asked again', () => {
    const home = homeOf('busy')
    for (const name of ['claw-peer', 'claw-setup-ssh']) program(home, name, ':')
    program(
      home,
      'claw-ping',
      `if mkdir "$0.once" 2>/dev/null; then echo '{"skipped":{}}'; else echo '{"peers":[]}'; fi`,
    )
    writeFileSync(join(home, 'identity.json'), '{}')

    const script = operatorScript({ kind: 'ping', gatewayIds: [id('a')] }, nonce)

    expect(parseOperatorReport(run('sh', script, home), '', nonce).output).toBe('{"peers":[]}\n')
  })

  test('a machine of the bash version is told apart, and says its id', () => {
    const home = homeOf('older')
    writeFileSync(join(home, 'state.json'), '{\n  "gatewayId": "attic",\n  "name": "Attic"\n}\n')

    const report = parseOperatorReport(run('sh', operatorScript({ kind: 'look' }, nonce), home), '', nonce)

    expect(report).toMatchObject({ setUp: 'older', gatewayId: 'attic', output: '' })
  })

  test.each([2, 7, 100, 800])('a step whose last %d bytes are lost runs nothing', lost => {
    const home = homeOf(`lost ${lost}`)
    for (const name of ['claw-peer', 'claw-setup-ssh']) program(home, name, `touch '${folder}/ran'`)
    writeFileSync(join(home, 'identity.json'), '{}')
    const script = operatorScript({ kind: 'introduce', request: { machines: [], forget: [] } }, nonce)

    const { status } = spawnSync('sh', ['-s'], {
      input: script.slice(0, -lost),
      env: { CLAW_CLAN_HOME: home },
    })

    expect(status).not.toBe(0)
    expect(existsSync(join(folder, 'ran'))).toBe(false)
  })
})

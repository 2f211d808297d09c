import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hostKeyThroughJump, knownKeysOf, operatorRoute } from '../../src/adapters/operator-route.ts'
import { runAsOperator } from '../../src/adapters/operator-ssh.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'

let folder = ''
let sshd: Sshd
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'claw-route-'))
  sshd = await startSshd({ hostKeys: ['ed25519', 'rsa'] })
})
afterAll(() => {
  sshd[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const configOf = (...lines: readonly string[]) => {
  const configFile = join(folder, `config-${lines.join().length}-${lines.length}`)
  writeFileSync(configFile, `${lines.join('\n')}\n`)
  return configFile
}
const look = (host: string, configFile: string, port?: number) =>
  operatorRoute({ user: userInfo().username, host, port, configFile })

describe('operatorRoute()', () => {
  test('without a word of the ssh_config it is the address itself, port 22', async () => {
    expect(await look('10.0.0.7', '/dev/null')).toMatchObject({
      host: '10.0.0.7',
      port: 22,
      knownAs: '10.0.0.7',
    })
    const route = await look('Mini.local', '/dev/null', 2222)
    expect(route).toMatchObject({ host: 'mini.local', port: 2222, knownAs: '[mini.local]:2222' })
    expect([route.alias, route.jump]).toEqual([undefined, undefined])
  })

  test('HostName, Port, ProxyJump and HostKeyAlias count; a typed port wins', async () => {
    const config = configOf(
      'Host studio',
      ...['HostName 10.0.0.7', 'Port 2200', 'HostKeyAlias its-key', 'ProxyJump me@gate:2201,[fd00::1]:7'],
      'UserKnownHostsFile /a/known "/b/known hosts" ~/c',
    )

    const route = await look('studio', config)

    expect(route).toMatchObject({ host: '10.0.0.7', port: 2200, alias: 'studio', knownAs: 'its-key' })
    expect(route.jump).toBe('me@gate:2201,[fd00::1]:7')
    expect(route.knownHostsFiles.slice(0, 2)).toEqual(['/a/known', '/b/known hosts'])
    expect((await look('studio', config, 22)).port).toBe(22)
  })

  test('an older ssh, which leaves "~" in its answer, means the same files', async () => {
    const older = mkdtempSync(join(folder, 'older-'))
    const answer =
      'hostname 10.0.0.7\\nport 22\\nuserknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\\n'
    writeFileSync(join(older, 'ssh'), `#!/bin/sh\nprintf '${answer}'\n`, { mode: 0o755 })
    vi.stubEnv('PATH', `${older}:${process.env.PATH}`)

    const { knownHostsFiles } = await look('10.0.0.7', '/dev/null')

    vi.unstubAllEnvs()
    const own = join(userInfo().homedir, '.ssh', 'known_hosts')
    expect(knownHostsFiles).toEqual([own, `${own}2`])
  })

  test('a ProxyCommand counts as a jump, and its text, which may hold a secret, is not repeated', async () => {
    const route = await look('studio', configOf('Host studio', 'ProxyCommand /bin/gate --token canary %h'))

    expect(route.jump).toBe('a ProxyCommand')
    expect(JSON.stringify(route)).not.toContain('canary')
    expect((await look('studio', configOf('Host studio', 'ProxyJump none'))).jump).toBe(undefined)
  })

  test.each([
    'HostName -oProxyCommand=touch',
    'HostName $(touch/x)',
    'HostName fe80::1%%eth0',
    'HostName a;b',
  ])('%s is refused in one line', async line => {
    await expect(look('studio', configOf('Host studio', line))).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringMatching(/^Cannot use .* for HostName of "studio" in your ssh_config: .*$/),
    })
  })

  test.each([
    ['a file that is not there', '/nowhere/config'],
    ['a file that ssh does not accept', ''],
  ])('%s is bad input', async (_what, file) => {
    const config = file === '' ? configOf('Hosst studio') : file

    await expect(look('studio', config)).rejects.toMatchObject({ code: 'bad-input' })
  })
})

describe('behind a ProxyCommand', () => {
  const proxied = (port = sshd.port) => {
    const connect = join(folder, 'connect.cjs')
    const pipes = "process.stdin.pipe(s); s.pipe(process.stdout); s.on('error', () => process.exit(1))"
    writeFileSync(connect, `const s = require('net').connect(process.argv[2], '127.0.0.1'); ${pipes}`)
    return look(
      'studio',
      configOf('Host studio', 'HostName 10.9.9.9', `ProxyCommand ${process.execPath} ${connect} ${port}`),
    )
  }
  const bounds = { timeoutMs: 20_000, onTerminal: false }

  test('the host key is fetched the way the owner goes, by type, and the login goes there too', async () => {
    const route = await proxied()
    const [ed25519, rsa] = sshd.target.pins

    expect(await hostKeyThroughJump(route, bounds)).toEqual(ed25519)
    expect(await hostKeyThroughJump(route, { ...bounds, type: 'ssh-rsa' })).toEqual(rsa)
    const wrong = hostKeyThroughJump(route, { ...bounds, type: 'ecdsa-sha2-nistp256' })
    await expect(wrong).rejects.toMatchObject({
      code: 'ssh-failed',
      message: expect.stringContaining('ecdsa'),
    })
    expect(sshd.log()).not.toContain('Accepted')

    const hostKey = { type: ed25519?.type ?? '', base64: ed25519?.blob.toString('base64') ?? '' }
    const login = { ...route, hostKey, identityFile: join(sshd.folder, 'client') }
    expect((await runAsOperator(login, 'echo there', { timeoutMs: 20_000 })).stdout).toBe('there\n')
  })

  test('what is in the way is said to be on the way', async () => {
    const failed = hostKeyThroughJump(await proxied(await freePort()), bounds)

    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('a ProxyCommand, fails') })
  })
})

test('the owner has vouched for a key only under the name his ssh looks for', async () => {
  const [pin] = sshd.target.pins
  const known = join(folder, 'known')
  writeFileSync(known, `its-key ${pin?.type} ${pin?.blob.toString('base64')}\n`)
  const file = `UserKnownHostsFile ${known}`
  const aliased = await look(
    'studio',
    configOf('Host studio', 'HostName 10.0.0.7', 'HostKeyAlias its-key', file),
  )
  const plain = await look('studio', configOf('Host studio', 'HostName 10.0.0.7', file))

  expect([await knownKeysOf(aliased), await knownKeysOf(plain)]).toEqual([[pin], []])
})

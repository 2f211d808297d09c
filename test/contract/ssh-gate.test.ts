import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { pinHostKey } from '../../src/adapters/known-hosts.ts'
import { openPeerChannel } from '../../src/adapters/peer-channel.ts'
import { runOverSsh } from '../../src/adapters/ssh.ts'
import { parseInspection } from '../../src/fleet/peer-protocol.ts'
import { parseAck } from '../../src/fleet/probe.ts'
import { id } from '../support/builders.ts'
import { type GatedSshd, startGatedSshd } from '../support/gated-sshd.ts'
import { hostileServer } from '../support/hostile.ts'
import { freePort } from '../support/sshd.ts'

let machine: GatedSshd
beforeAll(async () => {
  machine = await startGatedSshd()
})
afterAll(() => machine[Symbol.dispose]())

const BOUNDS = { timeoutMs: 10_000 }

describe('the clan key behind the forced command', () => {
  test('may ping', async () => {
    const { stdout, code } = await runOverSsh(machine.sshd.target, 'ping 00ff', BOUNDS)

    expect(code).toBe(0)
    expect(parseAck(stdout, '00ff', id('studio'))).toMatchObject({
      kind: 'ack',
      identity: { name: 'studio' },
    })
  })

  test('may serve and inspect, many times over one connection', async () => {
    await using channel = await openPeerChannel(machine.sshd.target, { ...BOUNDS, expected: id('studio') })

    const first = await channel.request('inspect', {}, BOUNDS)
    const others = await Promise.all([1, 2, 3].map(() => channel.request('inspect', {}, BOUNDS)))

    expect(channel.hello).toEqual({ gatewayId: 'studio', version: '2.0.0', protocol: 1 })
    expect(parseInspection(first)).toMatchObject({ identity: { gatewayId: 'studio' }, lastPing: null })
    expect(others).toHaveLength(3)
  })

  test.each(['id', 'touch ran', 'sh -i', 'scp -f /etc/passwd', 'ping ab; touch ran', "ping ab' touch ran"])(
    'may not run %j',
    async command => {
      const result = await runOverSsh(machine.sshd.target, command, { ...BOUNDS, stdin: 'touch ran\n' })

      expect(result).toMatchObject({ code: 126, stdout: '', stderr: expect.stringContaining('refused') })
    },
  )
})

describe('the clan key in the hands of the system ssh', () => {
  /** ssh with our key and our known_hosts, whatever the user's configuration says. */
  const sshOptions = () => {
    const { folder, target } = machine.sshd
    const knownHosts = join(folder, 'known_hosts')
    const [pin] = target.pins
    if (pin !== undefined)
      pinHostKey(knownHosts, { gatewayId: 'Studio', host: '127.0.0.1', port: target.port }, pin)
    const options = [
      `UserKnownHostsFile=${knownHosts}`,
      'GlobalKnownHostsFile=/dev/null',
      'HostKeyAlias=studio',
    ]
    const more = [
      'StrictHostKeyChecking=yes',
      'BatchMode=yes',
      'IdentitiesOnly=yes',
      'ExitOnForwardFailure=yes',
    ]
    return [
      '-F',
      '/dev/null',
      '-i',
      join(folder, 'client'),
      ...[...options, ...more].flatMap(option => ['-o', option]),
    ]
  }
  const destination = () => `${machine.sshd.target.user}@127.0.0.1`
  const ssh = (...args: readonly string[]) =>
    spawnSync('ssh', [...sshOptions(), '-p', String(machine.sshd.port), ...args], {
      encoding: 'utf8',
      input: 'touch ran\n',
      timeout: 20_000,
    })

  test('logs in through the key pinned under the id, and pings', () => {
    const { stdout, status } = ssh(destination(), 'ping', 'ab')

    expect(status).toBe(0)
    expect(parseAck(stdout, 'ab', id('studio'))).toMatchObject({ kind: 'ack' })
  })

  test('gets no shell', () => {
    const { stdout, stderr, status } = ssh('-T', destination())

    expect({ stdout, status }).toEqual({ stdout: '', status: 126 })
    expect(stderr).toContain('refused')
  })

  test('gets no terminal', () => {
    const { stdout, stderr, status } = ssh('-tt', destination())

    expect(stdout).toBe('')
    expect(status).not.toBe(0)
    expect(stderr).toContain('PTY allocation request failed')
  })

  test('gets no sftp', () => {
    const { stdout, status } = spawnSync(
      'sftp',
      [...sshOptions(), '-P', String(machine.sshd.port), '-b', '-', destination()],
      { encoding: 'utf8', input: 'put /etc/hostname ran\n', timeout: 20_000 },
    )

    expect(stdout).not.toContain('Uploading')
    expect(status).not.toBe(0)
  })

  test('forwards no port there and none back', async () => {
    using inside = await hostileServer(socket => socket.write('inside'))
    const local = await freePort()
    const tunnel = spawn('ssh', [
      ...sshOptions(),
      ...[
        '-p',
        String(machine.sshd.port),
        '-N',
        '-L',
        `127.0.0.1:${local}:127.0.0.1:${inside.port}`,
        destination(),
      ],
    ])
    try {
      const answer = await vi.waitFor(() => heardOn(local), { timeout: 10_000, interval: 50 })
      const back = ssh('-N', '-R', `127.0.0.1:${await freePort()}:127.0.0.1:${inside.port}`, destination())

      expect(answer).toBe('')
      expect(back.status).not.toBe(0)
      expect(back.stderr).toContain('remote port forwarding failed')
      expect(inside.connections()).toBe(0)
    } finally {
      tunnel.kill('SIGKILL')
    }
  })

  test('left nothing behind in all of this', () => {
    const { HOME = '/' } = process.env
    expect(existsSync(join(HOME, 'ran'))).toBe(false)
    expect(existsSync(join(machine.paths.home, 'ran'))).toBe(false)
  })
})

/** Everything a port says until it closes; rejects while nobody listens. */
function heardOn(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let heard = ''
  connect(port, '127.0.0.1')
    .on('data', data => {
      heard += data
    })
    .on('error', reject)
    .on('close', () => resolve(heard))
  return promise
}

describe('openPeerChannel()', () => {
  test.each([
    { why: 'lines', noise: 'echo Welcome; echo; ' },
    { why: 'no line end', noise: 'printf %s Welcome; ' },
    { why: 'almost 64 KiB', noise: 'head -c 60000 /dev/zero | tr \\\\0 x; echo; ' },
  ])('skips login noise of $why', async ({ noise }) => {
    using noisy = await startGatedSshd({ noise })
    await using channel = await openPeerChannel(noisy.sshd.target, { ...BOUNDS, expected: id('Studio') })

    expect(await channel.request('inspect', {}, BOUNDS)).toMatchObject({ gatewayId: 'studio' })
  })

  test.each([
    { why: 'more noise than 64 KiB', noise: 'yes welcome; ', says: 'no hello' },
    { why: 'an endless line', noise: 'yes welcome | tr -d \\\\n; ', says: '65536 bytes' },
    { why: 'a shell that ends', noise: 'echo sorry >&2; exit 3; ', says: 'exit code 3: "sorry"' },
  ])('gives up $why', async ({ noise, says }) => {
    using broken = await startGatedSshd({ noise })
    const opening = openPeerChannel(broken.sshd.target, { ...BOUNDS, expected: id('studio') })

    await expect(opening).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringContaining(says),
    })
  })

  test('does not talk to another machine', async () => {
    const opening = openPeerChannel(machine.sshd.target, { ...BOUNDS, expected: id('mini') })

    await expect(opening).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringContaining('"studio"'),
    })
  })

  test('is late when no hello comes', async () => {
    using silent = await startGatedSshd({ noise: 'sleep 60; ' })
    const opening = openPeerChannel(silent.sshd.target, { timeoutMs: 1_000, expected: id('studio') })

    await expect(opening).rejects.toMatchObject({ code: 'ssh-timeout' })
  })

  test('passes on what the peer declines and lives on', async () => {
    await using channel = await openPeerChannel(machine.sshd.target, { ...BOUNDS, expected: id('studio') })

    await expect(channel.request('reboot', {}, BOUNDS)).rejects.toMatchObject({ code: 'peer-refused' })
    await expect(channel.request('inspect', { text: 'x'.repeat(70_000) }, BOUNDS)).rejects.toMatchObject({
      code: 'bad-input',
    })
    expect(await channel.request('inspect', {}, BOUNDS)).toMatchObject({ gatewayId: 'studio' })
  })

  test('fails every request when the connection is lost, and every later one', async () => {
    const script = join(machine.paths.home, 'silent.mjs')
    writeFileSync(script, silentProgram)
    using silent = await startGatedSshd({ script })
    const channel = await openPeerChannel(silent.sshd.target, { ...BOUNDS, expected: id('studio') })

    const waiting = [channel.request('a', {}, BOUNDS), channel.request('b', {}, BOUNDS)]
    const outcomes = Promise.allSettled(waiting)
    await silent.sshd.stop()

    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'ssh-failed' } })
    await expect(channel.request('c', {}, BOUNDS)).rejects.toMatchObject({ code: 'ssh-failed' })
  })

  test('bounds each request, and takes no notice of an answer that comes later', async () => {
    const script = join(machine.paths.home, 'slow.mjs')
    writeFileSync(script, slowProgram)
    using slow = await startGatedSshd({ script })
    await using channel = await openPeerChannel(slow.sshd.target, { ...BOUNDS, expected: id('studio') })

    await expect(channel.request('slow', {}, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' })
    expect(await channel.request('fast', {}, BOUNDS)).toEqual({ for: 2 })
  })
})

const HELLO = `console.log('{"hello":"claw-clan","protocol":1,"gatewayId":"studio","version":"x"}')\n`
const silentProgram = `${HELLO}setInterval(() => {}, 1000); process.stdin.resume()\n`
/** Answers the first request only after the second one has come. */
const slowProgram = `${HELLO}
let heard = ''
process.stdin.on('data', data => {
  heard += data
  if (heard.split('\\n').length < 3) return
  for (const id of [1, 2]) console.log(JSON.stringify({ id, ok: true, for: id }))
})
`

test('the restriction is in the file sshd reads', () => {
  expect(readFileSync(join(machine.sshd.folder, 'authorized_keys'), 'utf8')).toMatch(/^restrict,command="/)
})

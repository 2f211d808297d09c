import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fingerprint } from '../../src/adapters/known-hosts.ts'
import { offeredHostKey, openOverSsh, runOverSsh, type SshChannel } from '../../src/adapters/ssh.ts'
import { makeKey, type Sshd, startSshd } from '../support/sshd.ts'

const WITHIN = { timeout: 10_000, interval: 10 }

let sshd: Sshd
beforeAll(async () => {
  sshd = await startSshd({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] })
})
afterAll(() => sshd[Symbol.dispose]())

const run = (command: string, more: Partial<Parameters<typeof runOverSsh>[2]> = {}) =>
  runOverSsh(sshd.target, command, { timeoutMs: 10_000, ...more })

describe('runOverSsh()', () => {
  test('gives input, collects output, and takes an exit code as a result', async () => {
    const result = await run('cat; echo out; echo err >&2; exit 3', { stdin: 'in: ü\n' })

    expect(result).toEqual({ stdout: 'in: ü\nout\n', stderr: 'err\n', code: 3 })
  })

  test('closes the input of a command that gets none', async () => {
    expect(await run('cat; echo done')).toMatchObject({ stdout: 'done\n', code: 0 })
  })

  test('brings much input and output through whole', async () => {
    const stdin = Buffer.alloc(5 * 1024 * 1024, 'abcdefghij\n')

    const { stdout } = await run('cat', { stdin, maxBytes: stdin.length })

    expect(stdout.length).toBe(stdin.length)
    expect(stdout === stdin.toString()).toBe(true)
  })

  test('survives a command that closes its input unread', async () => {
    const stdin = Buffer.alloc(3 * 1024 * 1024)

    expect(await run('exec <&-; echo done', { stdin })).toMatchObject({ stdout: 'done\n', code: 0 })
  })

  test('has no code for a command that was killed', async () => {
    expect(await run('kill -9 $$')).toMatchObject({ code: null })
  })

  test.each(['stdout', 'stderr'])('ends a command that prints too much to %s', async stream => {
    const command = `yes ${stream === 'stderr' ? '>&2' : ''}`

    await expect(run(command, { maxBytes: 10_000 })).rejects.toMatchObject({ code: 'bad-answer' })
  })

  test('reports a command that does not end within the deadline', async () => {
    await expect(run('sleep 60', { timeoutMs: 700 })).rejects.toMatchObject({
      code: 'ssh-timeout',
      message: expect.stringContaining('within 700 ms: logged in, but the command did not finish'),
    })
  })

  test('reports a connection that is lost while the command runs', async () => {
    await expect(run('kill -9 $PPID; sleep 60')).rejects.toMatchObject({ code: 'ssh-failed' })
  })

  test('stops when told to, with the reason it was given', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')

    const running = run('echo started > /dev/null; sleep 60', { signal: stop.signal })
    setTimeout(() => stop.abort(reason), 200)

    await expect(running).rejects.toBe(reason)
    await expect(run('true', { signal: stop.signal })).rejects.toBe(reason)
  })

  test('does not have the server prove its other host keys, which costs it a signature each', async () => {
    using talkative = await startSshd({ config: ['LogLevel DEBUG3'] })

    await runOverSsh(talkative.target, 'true', { timeoutMs: 10_000 })
    await runOverSsh(talkative.target, 'true', { timeoutMs: 10_000 })

    expect(talkative.log()).toContain('notify_hostkeys: sent 1 hostkeys')
    expect(talkative.log()).not.toContain('hostkeys-prove')
  })
})

describe('a banner', () => {
  test.each([
    { size: 10_000, works: true },
    { size: 500_000, works: false },
  ])('of $size bytes before the login lets it through: $works', async ({ size, works }) => {
    const folder = mkdtempSync(join(tmpdir(), 'claw-banner-'))
    writeFileSync(join(folder, 'banner'), Buffer.alloc(size, 'unauthorised access is forbidden\n'))
    using strict = await startSshd({ config: [`Banner ${join(folder, 'banner')}`] })

    const outcome = await runOverSsh(strict.target, 'echo ok', { timeoutMs: 5_000 }).catch(error => error)
    rmSync(folder, { recursive: true })

    expect(outcome).toMatchObject(works ? { stdout: 'ok\n', stderr: '' } : { code: 'ssh-failed' })
  })
})

describe('a login', () => {
  test('is denied with another key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'claw-key-'))
    const privateKey = readFileSync(makeKey(join(folder, 'stranger'), 'ed25519'))
    rmSync(folder, { recursive: true })

    const login = runOverSsh({ ...sshd.target, privateKey }, 'true', { timeoutMs: 5_000 })

    await expect(login).rejects.toMatchObject({
      code: 'auth-denied',
      hint: expect.stringContaining('claw-setup-ssh'),
    })
  })

  test('is denied for another user', async () => {
    const login = runOverSsh({ ...sshd.target, user: 'nobody-here' }, 'true', { timeoutMs: 5_000 })

    await expect(login).rejects.toMatchObject({ code: 'auth-denied' })
  })

  test.each([
    { why: 'empty', key: '' },
    { why: 'no key', key: 'hello' },
    {
      why: 'cut off',
      key: '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    },
  ])('is not tried with a key that is $why', async ({ key }) => {
    const login = runOverSsh({ ...sshd.target, privateKey: Buffer.from(key) }, 'true', { timeoutMs: 5_000 })

    await expect(login).rejects.toMatchObject({ code: 'bad-key' })
  })

  test('is not tried with the public half', async () => {
    const publicHalf = Buffer.from(readFileSync(join(sshd.folder, 'client.pub')))

    const login = runOverSsh({ ...sshd.target, privateKey: publicHalf }, 'true', { timeoutMs: 5_000 })

    await expect(login).rejects.toMatchObject({ code: 'bad-key' })
  })
})

describe('openOverSsh()', () => {
  const open = (command: string, keepAliveMs = 5_000) =>
    openOverSsh(sshd.target, command, { timeoutMs: 5_000, keepAliveMs })
  const outputOf = ({ stdout }: SshChannel) => {
    let output = ''
    stdout.on('data', chunk => {
      output += chunk
    })
    return () => output
  }

  test('keeps input and output open until the command ends', async () => {
    const channel = await open('read a; echo "1 $a"; read b; echo "2 $b"; exit 5')
    const output = outputOf(channel)

    channel.stdin.write('x\n')
    await vi.waitFor(() => expect(output()).toBe('1 x\n'), WITHIN)
    channel.stdin.write('y\n')

    expect(await channel.closed).toEqual({ code: 5, error: undefined })
    expect(output()).toBe('1 x\n2 y\n')
  })

  test('ends the command by the end of its input', async () => {
    const channel = await open('cat')
    const output = outputOf(channel)

    channel.stdin.end('last words')

    expect(await channel.closed).toEqual({ code: 0, error: undefined })
    expect(output()).toBe('last words')
  })

  test('is over when it is closed, also for whoever writes later', async () => {
    const channel = await open('cat')

    channel.close()
    channel.close()

    expect(await channel.closed).toMatchObject({ code: null, error: { code: 'ssh-failed' } })
    const written = new Promise(resolve => channel.stdin.write('too late', resolve))
    expect(await written).toBeInstanceOf(Error)
    channel.stdin.end()
  })

  test('is over when the connection is lost, whether somebody reads or not', async () => {
    // Not at once: the server must have said that the command runs.
    const channel = await open('read -r _; kill -9 $PPID; sleep 60')
    channel.stdin.write('now\n')

    expect(await channel.closed).toMatchObject({ code: null, error: { code: 'ssh-failed' } })
  })

  test('notices a frozen server by its keepalive', async () => {
    const startedAt = performance.now()
    const channel = await open('kill -STOP $PPID; sleep 60', 200)

    expect(await channel.closed).toMatchObject({ code: null, error: { code: 'ssh-timeout' } })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  test('does not wait for a command that cannot start', async () => {
    const channel = openOverSsh(sshd.target, 'true', {
      timeoutMs: 5_000,
      signal: AbortSignal.abort(new Error('no')),
    })

    await expect(channel).rejects.toThrow('no')
  })
})

describe('offeredHostKey()', () => {
  test.each([
    { type: undefined, shown: 0 },
    { type: 'ssh-ed25519', shown: 0 },
    { type: 'ecdsa-sha2-nistp256', shown: 1 },
    { type: 'ssh-rsa', shown: 2 },
  ])('gives the key of type $type and logs in nowhere', async ({ type, shown }) => {
    const before = sshd.log().length
    const key = await offeredHostKey('127.0.0.1', sshd.port, {
      timeoutMs: 5_000,
      ...(type === undefined ? {} : { type }),
    })

    expect(key).toEqual(sshd.target.pins[shown])
    expect(fingerprint(key.blob)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
    expect(sshd.log().slice(before)).not.toMatch(/Postponed|Failed|Accepted|Invalid user/)
  })

  test('says so when the server has no key of the type', async () => {
    const key = offeredHostKey('127.0.0.1', sshd.port, { timeoutMs: 5_000, type: 'ecdsa-sha2-nistp521' })

    await expect(key).rejects.toMatchObject({ code: 'ssh-failed' })
  })

  test('refuses a type nobody knows', async () => {
    const key = offeredHostKey('127.0.0.1', sshd.port, { timeoutMs: 5_000, type: 'ssh-dss' })

    await expect(key).rejects.toMatchObject({ code: 'bad-input' })
    expect(existsSync(sshd.folder)).toBe(true)
  })
})

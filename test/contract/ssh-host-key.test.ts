import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fingerprint, type PinnedKey, pinnedKey } from '../../src/adapters/known-hosts.ts'
import { offeredHostKey, openOverSsh, runOverSsh } from '../../src/adapters/ssh.ts'
import { hostileServer, plainMessages, recordingProxy, signatureSpoiler } from '../support/hostile.ts'
import { makeKey, pinOf, startSshd } from '../support/sshd.ts'

const BOUNDS = { timeoutMs: 10_000 }
const twice = [1, 2]

let folder: string
let strangerPin: PinnedKey
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-hostkey-'))
  strangerPin = pinOf(makeKey(join(folder, 'stranger'), 'ed25519'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What a run that must fail failed with. */
const failureOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => {
      throw new Error('it did not fail')
    },
    error => error,
  )

describe('a swapped host key', () => {
  test.each(twice)('stops everything before a login, with both fingerprints, time %i', async () => {
    const port = await (async () => {
      using before = await startSshd()
      expect(await runOverSsh(before.target, 'echo ok', BOUNDS)).toMatchObject({ stdout: 'ok\n' })
      return before.port
    })()
    using swapped = await startSshd({ port })
    const target = { ...swapped.target, pins: [strangerPin] }
    const mark = join(folder, 'ran')

    const failures = await Promise.all([
      failureOf(runOverSsh(target, `touch ${mark}`, BOUNDS)),
      failureOf(openOverSsh(target, `touch ${mark}`, BOUNDS)),
    ])

    for (const { code, message } of failures) {
      expect(code).toBe('host-key-changed')
      expect(message).toContain(fingerprint(strangerPin.blob))
      expect(message).toContain(fingerprint(swapped.target.pins[0]?.blob ?? Buffer.alloc(0)))
    }
    expect(existsSync(mark)).toBe(false)
    expect(swapped.log()).not.toMatch(/Accepted|Postponed|Failed/)
  })

  test.each(twice)(
    'gets the offer of algorithms and the key exchange, and not a byte more, time %i',
    async () => {
      using sshd = await startSshd()
      using recorder = await recordingProxy(sshd.port)
      const target = { ...sshd.target, port: recorder.port, pins: [strangerPin] }

      const failure = await failureOf(
        runOverSsh(target, 'secret-command', { ...BOUNDS, stdin: 'secret-input' }),
      )

      expect(failure.code).toBe('host-key-changed')
      const sent = recorder.received()
      expect(plainMessages(sent)).toEqual([20, 30])
      const publicKey = Buffer.from(
        readFileSync(join(sshd.folder, 'client.pub'), 'utf8').split(' ')[1] ?? '',
        'base64',
      )
      for (const secret of ['secret-command', 'secret-input', target.user, publicKey]) {
        expect(sent.includes(secret)).toBe(false)
      }
    },
  )

  test('is found when the pinned type is gone, too', async () => {
    using sshd = await startSshd({ hostKeys: ['ecdsa'] })
    const target = { ...sshd.target, pins: [strangerPin] }

    let { code, message } = await failureOf(runOverSsh(target, 'true', BOUNDS))
    // On loopback sshd's reset can overtake its own key list: that looks like a busy one, and is asked again.
    for (let again = 0; code === 'ssh-busy' && again < 5; again++) {
      ;({ code, message } = await failureOf(runOverSsh(target, 'true', BOUNDS)))
    }

    expect(code).toBe('host-key-changed')
    expect(message).toContain(fingerprint(strangerPin.blob))
    expect(message).toContain(fingerprint(sshd.target.pins[0]?.blob ?? Buffer.alloc(0)))
  })

  test('is not needed for a liar: a signature that does not fit the shown key ends everything', async () => {
    using sshd = await startSshd()
    using liar = await signatureSpoiler(sshd.port)
    const target = { ...sshd.target, port: liar.port }

    expect(await failureOf(runOverSsh(target, 'true', BOUNDS))).toMatchObject({ code: 'ssh-failed' })
    expect(await failureOf(offeredHostKey('127.0.0.1', liar.port, BOUNDS))).toMatchObject({
      code: 'ssh-failed',
    })
    expect(sshd.log()).not.toMatch(/Accepted|Postponed|Failed/)
  })
})

describe('pins', () => {
  test('hold when the server adds a key of a type that is usually preferred', async () => {
    using sshd = await startSshd({ hostKeys: ['ecdsa'] })
    expect(await runOverSsh(sshd.target, 'echo before', BOUNDS)).toMatchObject({ stdout: 'before\n' })

    await sshd.stop()
    using richer = await startSshd({ hostKeys: ['ed25519', 'ecdsa'], folder: sshd.folder, port: sshd.port })

    const { pins } = sshd.target
    expect(await runOverSsh({ ...richer.target, pins }, 'echo after', BOUNDS)).toMatchObject({
      stdout: 'after\n',
    })
    expect(await offeredHostKey('127.0.0.1', richer.port, BOUNDS)).toMatchObject({ type: 'ssh-ed25519' })
  })

  test('may be several, of which one is enough', async () => {
    using sshd = await startSshd()
    const target = { ...sshd.target, pins: [strangerPin, ...sshd.target.pins] }

    expect(await runOverSsh(target, 'echo ok', BOUNDS)).toMatchObject({ stdout: 'ok\n' })
  })

  test.each([
    { why: 'none', pins: [] },
    {
      why: 'one of a type nobody can check',
      pins: [pinnedKey(Buffer.from('\0\0\0\x07ssh-dss\0\0\0\0', 'latin1'))],
    },
  ])('that are $why keep us from connecting at all', async ({ pins }) => {
    using server = await hostileServer(() => {})
    using sshd = await startSshd()
    const target = { ...sshd.target, port: server.port, pins }

    const { code } = await failureOf(runOverSsh(target, 'true', BOUNDS))

    expect(code).toBe('host-key-unknown')
    expect(server.connections()).toBe(0)
  })
})

test('offeredHostKey() sends no login and no name', async () => {
  using sshd = await startSshd()
  using recorder = await recordingProxy(sshd.port)

  const key = await offeredHostKey('127.0.0.1', recorder.port, BOUNDS)

  expect([key]).toEqual(sshd.target.pins)
  const sent = recorder.received()
  expect(plainMessages(sent)).toEqual([20, 30])
})

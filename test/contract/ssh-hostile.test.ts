import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { offeredHostKey, openOverSsh, runOverSsh } from '../../src/adapters/ssh.ts'
import { hostileServer, misbehaviours } from '../support/hostile.ts'
import { freePort, type Sshd, startSshd } from '../support/sshd.ts'

const DEADLINE_MS = 600
/** What a loaded machine may add to a deadline. */
const SLACK_MS = 1_500
const TIMES = 2

let sshd: Sshd
beforeAll(async () => {
  sshd = await startSshd()
})
afterAll(() => sshd[Symbol.dispose]())

/** Code and duration of something that must fail. */
async function failing(work: () => Promise<unknown>): Promise<{ code: string; message: string; ms: number }> {
  const startedAt = performance.now()
  try {
    await work()
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      return { code: String(error.code), message: error.message, ms: performance.now() - startedAt }
    }
    throw error
  }
  throw new Error('it did not fail')
}

const EXPECTED: Readonly<Record<keyof typeof misbehaviours, { code: string; isSlow: boolean }>> = {
  'says nothing': { code: 'ssh-timeout', isSlow: true },
  'greets and falls silent': { code: 'ssh-timeout', isSlow: true },
  'drips its greeting for ever': { code: 'ssh-timeout', isSlow: true },
  'sends lines before its greeting for ever': { code: 'ssh-timeout', isSlow: true },
  'sends an endless greeting as fast as it can': { code: 'ssh-failed', isSlow: false },
  'sends endless short lines as fast as it can': { code: 'ssh-failed', isSlow: false },
  'sends one endless line as fast as it can': { code: 'ssh-failed', isSlow: false },
  'greets and then pours zeros': { code: 'ssh-failed', isSlow: false },
  'is no SSH server': { code: 'ssh-timeout', isSlow: true },
  'greets and claims a huge packet': { code: 'ssh-failed', isSlow: false },
  'speaks SSH 1': { code: 'ssh-failed', isSlow: false },
  'closes at once': { code: 'ssh-busy', isSlow: false },
  'resets at once': { code: 'ssh-busy', isSlow: false },
  'is full': { code: 'ssh-busy', isSlow: false },
  'greets and closes': { code: 'ssh-busy', isSlow: false },
}

describe.each(Object.keys(misbehaviours))('a server that %s', name => {
  const { code, isSlow } = EXPECTED[name] ?? { code: '', isSlow: false }
  const bounds = { timeoutMs: DEADLINE_MS }

  test(`is ${code}, every time, for every way to talk to it`, async () => {
    using server = await hostileServer(misbehaviours[name] ?? (() => {}))
    const target = { ...sshd.target, port: server.port }
    for (let time = 0; time < TIMES; time++) {
      const failures = await Promise.all([
        failing(() => runOverSsh(target, 'true', bounds)),
        failing(() => openOverSsh(target, 'true', bounds)),
        failing(() => offeredHostKey('127.0.0.1', server.port, bounds)),
      ])
      for (const failure of failures) {
        expect(failure.code).toBe(code)
        expect(failure.ms).toBeLessThan(DEADLINE_MS + SLACK_MS)
        if (isSlow) expect(failure.ms).toBeGreaterThan(DEADLINE_MS - 50)
      }
    }
  })
})

describe('no server', () => {
  test('on a port nobody listens on is ssh-refused', async () => {
    const target = { ...sshd.target, port: await freePort() }

    expect(await failing(() => runOverSsh(target, 'true', { timeoutMs: 5_000 }))).toMatchObject({
      code: 'ssh-refused',
    })
  })

  test('at an address that cannot be is no-network', async () => {
    const target = { ...sshd.target, host: '255.255.255.255' }

    expect(await failing(() => runOverSsh(target, 'true', { timeoutMs: 5_000 }))).toMatchObject({
      code: 'no-network',
    })
  })

  test('by that name is host-unreachable', async () => {
    const target = { ...sshd.target, host: 'no-such-machine.invalid' }
    const { code } = await failing(() => runOverSsh(target, 'true', { timeoutMs: 5_000 }))

    // Without any resolver the fault is ours.
    expect(['host-unreachable', 'no-network']).toContain(code)
  })
})

describe('a frozen sshd', () => {
  test('that only its kernel answers for is ssh-timeout', async () => {
    using frozen = await startSshd()
    process.kill(frozen.pid, 'SIGSTOP')

    for (let time = 0; time < TIMES; time++) {
      const failure = await failing(() => runOverSsh(frozen.target, 'true', { timeoutMs: DEADLINE_MS }))

      expect(failure.code).toBe('ssh-timeout')
      expect(failure.message).toContain('no SSH handshake followed')
      expect(failure.ms).toBeLessThan(DEADLINE_MS + SLACK_MS)
    }
  })

  test('after the login is ssh-timeout', async () => {
    for (let time = 0; time < TIMES; time++) {
      const failure = await failing(() => runOverSsh(sshd.target, 'kill -STOP $PPID', { timeoutMs: 1_000 }))

      expect(failure.code).toBe('ssh-timeout')
      expect(failure.message).toContain('logged in, but the command did not finish')
      expect(failure.ms).toBeLessThan(1_000 + SLACK_MS)
    }
  })

  test('does not keep our own process waiting for its goodbye', async () => {
    using frozen = await startSshd()
    process.kill(frozen.pid, 'SIGSTOP')

    await failing(() => runOverSsh(frozen.target, 'true', { timeoutMs: 200 }))

    const sockets = () => process.getActiveResourcesInfo().filter(kind => kind === 'TCPSocketWrap')
    await vi.waitFor(() => expect(sockets()).toEqual([]), { timeout: 2_000, interval: 10 })
  })
})

test('one bad server of each kind costs its own deadline, and the good ones nothing', async () => {
  const servers = await Promise.all(Object.values(misbehaviours).map(hostileServer))
  try {
    const startedAt = performance.now()
    const bad = servers.map(({ port }) =>
      failing(() => runOverSsh({ ...sshd.target, port }, 'true', { timeoutMs: 3_000 })),
    )
    const good = await Promise.all(
      Array.from({ length: 8 }, () => runOverSsh(sshd.target, 'echo ok', { timeoutMs: 10_000 })),
    )
    const goodMs = performance.now() - startedAt
    await Promise.all(bad)

    expect(good.map(({ stdout }) => stdout)).toEqual(Array(8).fill('ok\n'))
    expect(goodMs).toBeLessThan(2_900)
    expect(performance.now() - startedAt).toBeLessThan(3_000 + SLACK_MS)
  } finally {
    for (const server of servers) server[Symbol.dispose]()
  }
})

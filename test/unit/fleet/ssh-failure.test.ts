import { describe, expect, test } from 'vitest'
import { copyIdLine, type Login, sshFailure } from '../../../src/fleet/ssh-failure.ts'

const login: Login = { user: 'claw', host: '10.0.0.7', port: 22 }

test.each<[string, Partial<Login>, string]>([
  ['another port', { port: 2222 }, 'ssh-copy-id -p 2222 claw@10.0.0.7'],
  ['a user that a shell would read', { user: 'claw$' }, "ssh-copy-id 'claw$@10.0.0.7'"],
  ['an IPv6 address', { host: 'fd00::7' }, 'ssh-copy-id claw@fd00::7'],
  ['a Host of the ssh_config, whatever port it means', { alias: 'studio' }, 'ssh-copy-id -p 22 claw@studio'],
  [
    'files with odd names',
    { identityFile: "/home/o'neill/my key", configFile: '/tmp/$(x)' },
    "ssh-copy-id -F '/tmp/$(x)' -i '/home/o'\\''neill/my key' claw@10.0.0.7",
  ],
])('the ssh-copy-id line fits %s', (_what, more, line) => {
  expect(copyIdLine({ ...login, ...more })).toBe(line)
  expect(sshFailure('Permission denied (publickey).', { ...login, ...more }).hint).toContain(line)
})

describe('behind a jump host', () => {
  const jumping = { ...login, alias: 'studio', jump: 'root@gate' }
  const last =
    'kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535'

  test.each([
    [
      'root@gate: Permission denied (publickey).',
      'auth-denied',
      /through the jump host, root@gate, fails: root@gate/,
    ],
    [
      'No ED25519 host key is known.\nHost key verification failed.',
      'ssh-failed',
      /fails: Host key verification/,
    ],
    [
      'ssh: connect to host gate port 22: Connection refused',
      'ssh-failed',
      /fails: ssh: connect to host gate/,
    ],
    [
      'channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed',
      'ssh-refused',
      /not reach/,
    ],
    [
      'channel 0: open failed: connect failed: No route to host\nstdio forwarding failed',
      'host-unreachable',
      /not/,
    ],
  ])('%j is not blamed on the machine itself', (said, code, message) => {
    const failure = sshFailure(`Warning: Permanently added 'gate'.\n${said}\n${last}\n`, jumping)

    expect(failure).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.any(String) })
  })

  test('what the machine itself says is read as ever', () => {
    expect(sshFailure('claw@10.0.0.7: Permission denied (publickey).', jumping)).toMatchObject({
      code: 'auth-denied',
      message: expect.stringContaining('lets "claw" in with none'),
    })
  })
})

test('what another machine printed reaches a message without its control characters, and in bounded length', () => {
  const { message } = sshFailure(`\u001b[2Jevil\u202e${'x'.repeat(5000)}`, login)

  expect([message.includes('\u001b'), message.includes('\u202e')]).toEqual([false, false])
  expect(message.length).toBeLessThan(300)
})

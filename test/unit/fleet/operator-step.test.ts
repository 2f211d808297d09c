import { describe, expect, test } from 'vitest'
import { operatorScript, parseOperatorReport } from '../../../src/fleet/operator-step.ts'
import { copyIdLine, sshFailure } from '../../../src/fleet/ssh-failure.ts'
import { id } from '../../support/builders.ts'

const nonce = '0123456789abcdef'

test('parseOperatorReport() reads past what the login shell printed', () => {
  const stdout = `Welcome!\nset-up no\n\nclaw-clan-operator ${nonce}\naddress 10.0.0.1\nid mini\nset-up yes\noutput\n{"a":1}\n`

  expect(parseOperatorReport(stdout, 'warning\nlast line\n', nonce)).toEqual({
    ownAddress: '10.0.0.1',
    setUp: 'yes',
    gatewayId: 'mini',
    output: '{"a":1}\n',
    complaint: 'last line',
  })
})

test('parseOperatorReport() believes no lines that carry another nonce', () => {
  const stdout = `\nclaw-clan-operator fedcba9876543210\naddress 10.0.0.1\nid mini\nset-up yes\noutput\n`

  expect(() => parseOperatorReport(stdout, '', nonce)).toThrow(
    expect.objectContaining({ code: 'bad-answer' }),
  )
})

test('an id that is none is left out of the report', () => {
  const stdout = `\nclaw-clan-operator ${nonce}\naddress \nid ../x\nset-up no\noutput\n`

  expect(parseOperatorReport(stdout, '', nonce)).toMatchObject({
    ownAddress: undefined,
    gatewayId: undefined,
  })
})

test('operatorScript() carries its data in a quoted here-document and nowhere else', () => {
  const script = operatorScript({ kind: 'ping', gatewayIds: [id('a.b-c')] }, nonce)

  expect(script.match(/a\.b-c/g)).toHaveLength(1)
  expect(script).toContain("<<'END-OF-CLAW-CLAN-DATA'\na.b-c\nEND-OF-CLAW-CLAN-DATA\n")
})

test('operatorScript() takes no nonce that is not hex', () => {
  expect(() => operatorScript({ kind: 'look' }, '$(id)')).toThrow(TypeError)
})

describe('sshFailure()', () => {
  const login = { user: 'claw', host: '10.0.0.7', port: 2222 }

  test.each([
    ['claw@10.0.0.7: Permission denied (publickey,password).', 'auth-denied'],
    ['Received disconnect from 10.0.0.7 port 22:2: Too many authentication failures', 'auth-denied'],
    ['ssh: connect to host 10.0.0.7 port 22: Connection refused', 'ssh-refused'],
    ['ssh: connect to host 10.0.0.7 port 22: No route to host', 'host-unreachable'],
    ['ssh: connect to host 10.0.0.7 port 22: Connection timed out', 'host-unreachable'],
    ['ssh: connect to host 10.0.0.7 port 22: Operation timed out', 'host-unreachable'],
    ['ssh: Could not resolve hostname nowhere: Name or service not known', 'host-unreachable'],
    ['Connection timed out during banner exchange', 'ssh-timeout'],
    ['Timeout, server 10.0.0.7 not responding.', 'ssh-timeout'],
    ['kex_exchange_identification: Connection closed by remote host', 'ssh-busy'],
    ['No ED25519 host key is known for x.\nHost key verification failed.', 'host-key-changed'],
    ['Load key "/x": error in libcrypto\nclaw@h: Permission denied (publickey).', 'bad-key'],
    [
      'Warning: Identity file /x not accessible: No such file or directory.\nno such identity: /x',
      'bad-input',
    ],
    ['/x: line 1: Bad configuration option: foo', 'bad-input'],
    ['something new', 'ssh-failed'],
    ['', 'ssh-failed'],
  ])('%j is %s', (stderr, code) => {
    expect(sshFailure(stderr, login)).toMatchObject({ code, hint: expect.any(String) })
  })

  test('a refused login names the line that mends it', () => {
    expect(sshFailure('Permission denied (publickey).', login).hint).toContain(
      'ssh-copy-id -p 2222 claw@10.0.0.7',
    )
    expect(copyIdLine({ ...login, port: 22 })).toBe('ssh-copy-id claw@10.0.0.7')
  })
})

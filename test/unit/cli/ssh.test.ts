import { describe, expect, test } from 'vitest'
import { failureLines, renderEnrolment, renderForgotten, renderTrust } from '../../../src/cli/render-ssh.ts'
import { readLogin } from '../../../src/cli/ssh-arguments.ts'
import { ClawError, type ErrorCode } from '../../../src/fleet/error.ts'
import { id } from '../../support/builders.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }

describe('readLogin()', () => {
  test('reads words and flags, with the port and the direction a plain call means', () => {
    expect(readLogin(['claw', '10.0.0.7'], {})).toMatchObject({
      user: 'claw',
      host: '10.0.0.7',
      port: 22,
      oneWay: false,
    })
    expect(
      readLogin(['claw', 'mini.local', 'Büro', 'mini'], { port: '2222', 'one-way': true, identity: '/k' }),
    ).toMatchObject({
      ...{
        host: 'mini.local',
        name: 'Büro',
        gatewayId: 'mini',
        port: 2222,
        oneWay: true,
        identityFile: '/k',
      },
    })
  })

  test.each([
    [['$(touch x)', 'h'], {}, 'USER'],
    [['-oProxyCommand=x', 'h'], {}, 'USER'],
    [['me@x', 'h'], {}, 'USER'],
    [['me', '-oProxyCommand=x'], {}, 'HOST'],
    [['me', "'; rm"], {}, 'HOST'],
    [['me', ''], {}, 'HOST'],
    [['me', 'h', '\u202eevil'], {}, 'NAME'],
    [['me', 'h', 'n', '..'], {}, 'ID'],
    [['me', 'h'], { port: '0' }, '--port'],
    [['me', 'h'], { port: '1e3' }, '--port'],
    [['me', 'h'], { legacy: true }, '--key'],
    [['me', 'h'], { key: '/k' }, '--legacy'],
  ])('refuses %j %j, naming %s', (words, options, named) => {
    expect(() => readLogin(words, options)).toThrow(
      expect.objectContaining({ code: 'bad-input', message: expect.stringContaining(named) }),
    )
  })
})

test.each<[ErrorCode, string, string]>([
  ['auth-denied', 'failed', 'unknown'],
  ['host-key-changed', 'failed', 'unknown'],
  ['peer-not-set-up', 'success', 'false'],
  ['peer-refused', 'success', 'true'],
])('a failure with %s ends with the lines scripts read', (code, ssh, installed) => {
  expect(failureLines(new ClawError(code, 'x'))).toBe(`SSH_STATUS=${ssh}\nCLAW_INSTALLED=${installed}`)
})

test('an enrolment is shown with what is missing, and no control character of a name gets through', () => {
  const text = renderEnrolment(
    {
      ...{
        gatewayId: id('mini'),
        name: 'A\u001b[2J',
        leadNumber: 1,
        ip: '10.0.0.7',
        sshUser: 'claw',
        sshPort: 2222,
      },
      ...{
        change: 'added',
        hostKey: 'SHA256:x',
        hostKeyBy: 'confirmed',
        oneWay: false,
        legacy: false,
        dryRun: false,
      },
      ...{
        forward: { outcome: 'ack', responseMs: 12 },
        warnings: ['odd'],
        sshStatus: 'success',
        clawInstalled: true,
      },
      reverse: { outcome: 'miss', reason: 'host-unreachable', next: 'Open the port' },
    },
    look,
  )

  expect(text).toContain('Enrolled mini (A\\x1b[2J) at claw@10.0.0.7:2222')
  expect(text).toContain('it -> this machine  miss: host-unreachable\n  next: Open the port\n! odd\n')
  expect(text.endsWith('\nSSH_STATUS=success\nCLAW_INSTALLED=true')).toBe(true)
})

test('a dry run never reads as if it had been done', () => {
  const forgotten = {
    gatewayId: id('mini'),
    record: true,
    hostKey: false,
    authorizedKey: true,
    self: 'me',
    dryRun: true,
  }
  const trusted = {
    gatewayId: id('mini'),
    hostKey: 'SHA256:b',
    hostKeyBy: '--host-key',
    pin: 'replaced',
    previous: 'SHA256:a',
  } as const
  const probe = { outcome: 'ack', reason: null, detail: null } as const

  expect(renderForgotten(forgotten)).toBe('Would forget mini: remove its record, its key in authorized_keys')
  expect(renderTrust({ ...trusted, probe, next: null, dryRun: true })).toMatch(/^Nothing written/)
})

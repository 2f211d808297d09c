import { describe, expect, test } from 'vitest'
import { renderForgotten, renderRevoked } from '../../../src/cli/render-departures.ts'
import { introductionLines } from '../../../src/cli/render-introductions.ts'
import { doneLine, pendingLines } from '../../../src/cli/render-pending.ts'
import { failureLines, renderEnrolment, renderTrust } from '../../../src/cli/render-ssh.ts'
import { readLogin } from '../../../src/cli/ssh-arguments.ts'
import { widthOf } from '../../../src/cli/terminal.ts'
import { ClawError, type ErrorCode } from '../../../src/fleet/error.ts'
import { shownPending } from '../../../src/fleet/pending.ts'
import { id } from '../../support/builders.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }

describe('readLogin()', () => {
  test('reads words and flags, with the direction a plain call means; its port is a matter of ssh_config', () => {
    expect(readLogin(['claw', '10.0.0.7'], {})).toMatchObject({
      user: 'claw',
      host: '10.0.0.7',
      port: undefined,
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
        introductions: [],
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
    ...{ told: [], itself: null, everywhere: true, wouldTell: ['attic'] },
  }
  const trusted = {
    gatewayId: id('mini'),
    hostKey: 'SHA256:b',
    hostKeyBy: '--host-key',
    pin: 'replaced',
    previous: 'SHA256:a',
  } as const
  const probe = { outcome: 'ack', reason: null, detail: null } as const

  expect(renderForgotten(forgotten, look)).toBe(
    'Would forget mini: remove its record, its key in authorized_keys\n  and on attic',
  )
  expect(renderRevoked(forgotten, look)).toMatch(/^Would revoke mini: /)
  expect(renderTrust({ ...trusted, probe, next: null, dryRun: true })).toMatch(/^Nothing written/)
})

test('who reaches the newcomer stands in a table of 80 columns, with what to do once each', () => {
  const ack = { outcome: 'ack', reason: null, next: null } as const
  const miss = { outcome: 'miss', reason: 'host-unreachable', next: 'Open the port' } as const
  const lines = introductionLines(
    'attic',
    [
      { gatewayId: id('studio'), state: 'introduced', reason: null, isReached: ack, reaches: ack },
      { gatewayId: id('cellar'), state: 'introduced', reason: null, isReached: miss, reaches: ack },
      { gatewayId: id('laptop'), state: 'pending', reason: 'x'.repeat(90), isReached: null, reaches: null },
      { gatewayId: id('vps'), state: 'off', reason: 'one-way', isReached: null, reaches: null },
      { gatewayId: id('old'), state: 'refused', reason: 'revoked\u001b[2J', isReached: null, reaches: null },
    ],
    look,
  )

  const text = lines.join('\n')
  expect(text).toMatch(
    /MACHINE +REACHES IT +IT REACHES +NOTE\n {2}studio +yes +yes\n {2}cellar +yes +host-unreachable\n/,
  )
  expect(text).toMatch(/ {2}laptop +- +- +waits: x+/)
  expect(text).toMatch(/ {2}vps +- +- +one-way\n {2}old +- +- +refused: revoked\\x1b/)
  expect(text.match(/next: /g)).toHaveLength(3)
  expect(text).toContain('  next: old refused: revoked\\x1b[2J')
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80)
})

test('what became of telling the others fits 80 columns, and says what waits', () => {
  const gone = { gatewayId: id('thief'), record: true, hostKey: true, authorizedKey: true, itself: null }
  const told = [
    { gatewayId: id('studio'), state: 'done', reason: null },
    { gatewayId: id('attic'), state: 'pending', reason: `no route ${'to it '.repeat(20)}` },
  ] as const
  const result = { ...gone, told, self: 'me', everywhere: true, wouldTell: [], dryRun: false }

  const text = renderRevoked(result, look)

  expect(text).toMatch(/ {2}on studio: done\n {2}on attic: waits for contact: no route/)
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80)
  expect(renderForgotten({ ...result, itself: told[0] }, look)).toContain('thief itself forgot this machine')
  expect(renderForgotten(result, look)).toContain('next: run "claw-setup-ssh forget me" there')
})

test('what waits is shown with its reason and its way out, ten lines of it at most', () => {
  const item = (n: number, tries = 0) => ({
    ...({ id: `m${n}/attic`, kind: 'introduce', gatewayId: id(`m${n}`), about: id('attic'), tries } as const),
    ...{
      createdAt: '2026-11-20T12:00:00.000Z',
      lastTriedAt: null,
      lastError: 'no route',
      data: { identityFile: '/k' },
    },
  })

  expect(shownPending(item(1))).toMatchObject({ next: expect.stringContaining('answers again') })
  expect(shownPending(item(1, 2))).toMatchObject({
    next: expect.stringContaining('claw-setup-ssh pending'),
  })
  expect(shownPending(item(1))).not.toHaveProperty('data')
  const lines = pendingLines(
    Array.from({ length: 30 }, (_, n) => shownPending(item(n))),
    look,
  )
  expect(lines).toHaveLength(13)
  expect(lines[1]).toBe('  - introduce attic and m0 to each other: no route')
  expect(pendingLines([], look)).toEqual([])
  expect(doneLine(item(1))).toBe('attic and m1 know each other now')
  expect(doneLine({ ...item(1), kind: 'forget' })).toBe('m1 has forgotten attic')
})

import { describe, expect, test } from 'vitest'
import type { AnnouncementState } from '../../../src/fleet/announcement-state.ts'
import type { Finding } from '../../../src/fleet/finding.ts'
import {
  type AskedPeer,
  compareVersions,
  judgeAnnouncement,
  judgeClock,
  judgeLeadNumbers,
  judgePeerRounds,
  judgePending,
  judgeReach,
  judgeVersions,
} from '../../../src/fleet/finding-peers.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import { aPeer, id } from '../../support/builders.ts'

const short = (findings: readonly Finding[]) =>
  findings.map(({ severity, message }) => `${severity}: ${message}`)

type Ack = AskedPeer['answer'] & { readonly kind: 'ack' }
const peer = (name: string, facts: Partial<Peer> = {}) => aPeer({ gatewayId: id(name), ...facts })
const ack = (name: string, facts: Partial<Ack> = {}, of: Partial<Peer> = {}): AskedPeer => ({
  peer: peer(name, of),
  answer: { kind: 'ack', skewMs: 0, version: '2.0.0', inspection: undefined, ...facts },
})
const silent = (name: string, facts: Partial<Peer> = {}): AskedPeer => ({
  peer: peer(name, facts),
  answer: { kind: 'failed', reason: 'auth-denied', next: 'do this' },
})

test.each<[readonly AskedPeer[], readonly string[]]>([
  [[ack('a'), ack('b')], ['ok: 2 peers answered']],
  [[ack('a'), silent('b')], ['warning: b does not answer: auth-denied']],
  [[silent('b', { mayBeAway: true })], ['note: b does not answer: auth-denied']],
  [[{ peer: peer('a'), answer: { kind: 'not-asked' } }], []],
])('who answers', (asked, findings) => {
  expect(short(judgeReach(asked))).toEqual(findings)
})

describe('judgeClock()', () => {
  const minutes = (count: number) => ({ skewMs: count * 60_000 })

  test.each<[string, readonly AskedPeer[], readonly string[]]>([
    [
      'nobody to compare with',
      [silent('a')],
      ['note: No peer answered, so the clock was compared with nobody'],
    ],
    ['seconds do not count', [ack('a', { skewMs: 29_000 })], ['ok: The clock agrees with 1 peer']],
    [
      'one peer is ahead',
      [ack('a', minutes(3)), ack('b')],
      ["warning: The clock of a is 3 min ahead of this one's"],
    ],
    [
      'one peer is behind',
      [ack('a', { skewMs: -45_000 })],
      ["warning: The clock of a is 45 s behind this one's"],
    ],
    [
      'most peers are ahead: it is our clock',
      [ack('a', minutes(180)), ack('b', minutes(180)), ack('c')],
      ["warning: This machine's clock is 3 h behind most others"],
    ],
    [
      'most peers are behind: it is our clock',
      [ack('a', minutes(-5)), ack('b', minutes(-6)), ack('c', minutes(-5))],
      ["warning: This machine's clock is 5 min ahead of most others"],
    ],
  ])('%s', (_what, asked, findings) => {
    expect(short(judgeClock(asked, 'linux'))).toEqual(findings)
  })

  test('the next step is of the platform', () => {
    const next = (platform: string) =>
      judgeClock([ack('a', minutes(3)), ack('b', minutes(3))], platform)[0]?.next

    expect([next('linux'), next('darwin')]).toEqual([
      'sudo timedatectl set-ntp true',
      'sudo sntp -sS time.apple.com',
    ])
  })
})

test.each<[string, AskedPeer, string | null]>([
  ['the same version', ack('a'), null],
  [
    'an older one',
    ack('a', { version: '1.9.0' }, { sshPort: 2222 }),
    'claw-remote-install claw 10.0.0.2 --port 2222',
  ],
  ['a newer one', ack('a', { version: '2.1.0' }), 'update this machine: run claw-remote-install on a'],
  ['a silent peer, from its record', silent('a', { version: '1.0.0' }), 'claw-remote-install claw 10.0.0.2'],
  ['a silent peer without one', silent('a'), null],
  ['a legacy peer', ack('a', { version: '' }, { legacyKey: '/k' }), null],
])('%s', (_what, asked, next) => {
  expect(judgeVersions('2.0.0', [asked]).map(each => each.next)).toEqual([next])
})

test.each([
  ['2.0.0', '2.0.0', 0],
  ['2.0.0', '2.0', 0],
  ['2.10.0', '2.9.9', 1],
  ['1.9.9', '2.0.0-beta', -1],
])('compareVersions(%s, %s)', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign)
})

test('peers that do not ping are named; one-way peers need not', () => {
  const now = new Date('2026-11-20T12:00:00Z')
  const inspection = (lastPing: string | null) => ({ inspection: { node: '24.21.0', lastPing } })

  const findings = judgePeerRounds(
    [
      ack('fresh', inspection('2026-11-20T11:50:00Z')),
      ack('late', inspection('2026-11-20T11:00:00Z')),
      ack('never', inspection(null)),
      ack('outside', inspection(null), { oneWay: true }),
      ack('mute'),
    ],
    now,
    30 * 60_000,
  )

  expect(short(findings)).toEqual([
    'note: late pinged last at 2026-11-20T11:00:00Z',
    'note: never never pinged',
  ])
})

describe('judgeAnnouncement()', () => {
  const state: AnnouncementState = {
    ...{ gatewayId: 'mini', announced: true, heardAt: ['10.0.0.1'], manager: 'systemd', job: null },
    ...{ process: { pid: 7, since: null }, startsAt: 'boot', warnings: [], next: null },
  }
  const silent = { announced: false, warnings: ['It is not heard', 'And more'], next: 'do this' }

  test.each<[string, Partial<AnnouncementState>, readonly (readonly [string, string | null])[]]>([
    ['heard', {}, [['ok', null]]],
    ['heard, and it will end', { warnings: ['It ends'], next: 'linger' }, [['warning', 'linger']]],
    [
      'running and not heard',
      silent,
      [
        ['problem', 'do this'],
        ['note', null],
      ],
    ],
    [
      'never started',
      { ...silent, process: null },
      [
        ['warning', 'do this'],
        ['note', null],
      ],
    ],
  ])('%s', (_what, change, findings) => {
    expect(
      judgeAnnouncement({ ...state, ...change }, []).map(({ severity, next }) => [severity, next]),
    ).toEqual(findings)
  })

  test('whoever uses a name that is not his is shown with his address', () => {
    const findings = judgeAnnouncement(state, [{ gatewayId: id('mini'), ip: '10.0.0.66' }])

    expect(short(findings)).toContain('warning: 10.0.0.66 announces itself as mini and is not that machine')
  })
})

test('machines that share a lead number are named; those that never lead share nothing', () => {
  const machines = [
    peer('a', { leadNumber: 1 }),
    peer('b', { leadNumber: 1 }),
    peer('c', { leadNumber: 0 }),
    peer('d', { leadNumber: 0 }),
  ]

  expect(short(judgeLeadNumbers(machines))).toEqual(['note: Lead number 1 is used by a, b'])
  expect(short(judgeLeadNumbers(machines.slice(1)))).toEqual([
    'ok: Every machine has a lead number of its own',
  ])
})

test('what waits is listed, three at most', () => {
  expect(short(judgePending([]))).toEqual(['ok: Nothing waits for the owner'])
  expect(short(judgePending(['a', 'b', 'c', 'd', 'e']))).toEqual([
    'note: 5 things still to be done: "a", "b", "c" and 2 more',
  ])
})

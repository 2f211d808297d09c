import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../src/fleet/finding.ts'
import { judgeGrants, judgeKeyPaths, judgeSshd } from '../../../src/fleet/finding-access.ts'
import { type ClanKeyFacts, judgeClanKey, judgeIdentity, judgePins } from '../../../src/fleet/finding-keys.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'

const short = (findings: readonly Finding[]) => findings.map(({ id, severity, next }) => [id, severity, next])
const A = 'SHA256:a'
const B = 'SHA256:b'

describe('judgeClanKey()', () => {
  const facts: ClanKeyFacts = {
    file: '/k',
    private: { kind: 'usable', fingerprint: A },
    publicFile: A,
    recorded: A,
    peers: 1,
  }

  test.each<[string, Partial<ClanKeyFacts>, string, string | null, string | undefined]>([
    ['all agree', {}, 'ok', null, undefined],
    ['nothing recorded yet', { recorded: undefined }, 'ok', null, undefined],
    ['the public half is another', { publicFile: B }, 'warning', 'claw-setup-ssh keygen', 'clan-key'],
    ['the public half is missing', { publicFile: undefined }, 'warning', 'claw-setup-ssh keygen', 'clan-key'],
    [
      'state.json has another',
      { recorded: B },
      'problem',
      'claw-setup --yes, then claw-setup-ssh check',
      undefined,
    ],
    [
      'missing, nobody knows it',
      { private: { kind: 'missing' }, peers: 0 },
      'problem',
      'claw-setup-ssh keygen',
      'clan-key',
    ],
    [
      'unusable',
      { private: { kind: 'unusable', message: 'others may read it', hint: 'chmod 600 /k' } },
      'problem',
      'chmod 600 /k',
      undefined,
    ],
  ])('%s', (_what, change, severity, next, fix) => {
    const findings = judgeClanKey({ ...facts, ...change })

    expect(short(findings)).toEqual([['clan-key', severity, next]])
    expect(findings[0]?.fix?.kind).toBe(fix)
  })

  test('a lost key that peers know is not replaced unasked: a backup would save enrolling all of them again', () => {
    const [finding] = judgeClanKey({ ...facts, private: { kind: 'missing' } })

    expect(finding?.next).toContain('a backup')
    expect(finding?.fix).toBeUndefined()
  })
})

test.each([
  ['same', anIdentity(), 'ok', undefined],
  ['different', anIdentity(), 'warning', 'identity'],
  ['missing', anIdentity(), 'problem', 'identity'],
  ['missing', undefined, 'problem', undefined],
] as const)('identity.json is %s, state.json %s: %s', (state, self, severity, fix) => {
  const trouble = { message: 'Cannot use "/h/state.json"', hint: 'Move it away' }

  const [finding] = judgeIdentity({ self, trouble, publicFile: { path: '/h/identity.json', state } })

  expect(finding).toMatchObject({ id: 'identity', severity })
  expect(finding?.fix?.kind).toBe(fix)
})

describe('judgePins()', () => {
  const peers = [aPeer({ gatewayId: id('Studio'), hostKey: A })]
  const judge = (pins: readonly string[], oddLines: readonly number[] = []) =>
    short(
      judgePins({ file: '/kh', peers, pins: new Map(pins.length === 0 ? [] : [['studio', pins]]), oddLines }),
    )

  test.each([
    ['pinned as recorded', [A], [['host-keys', 'ok', null]]],
    ['one of several pinned', [B, A], [['host-keys', 'ok', null]]],
    ['not pinned', [], [['host-keys', 'problem', 'claw-setup-ssh trust Studio']]],
    ['another one pinned', [B], [['host-keys', 'warning', 'claw-setup-ssh trust Studio']]],
  ])('%s', (_what, pins, findings) => {
    expect(judge(pins)).toEqual(findings)
  })

  test('lines that pin nothing are named by number', () => {
    expect(judge([A], [3, 9])).toEqual([['host-keys', 'note', 'look at line 3, 9']])
  })
})

test.each([
  [true, 'linux', 'problem', 'sudo systemctl enable --now ssh'],
  [true, 'darwin', 'problem', 'switch on System Settings > General > Sharing > Remote Login'],
  [false, 'linux', 'warning', 'sudo systemctl enable --now ssh'],
])('no sshd here, somebody wants to reach us: %s, on %s', (isNeeded, platform, severity, next) => {
  const answer = { kind: 'failed', message: 'nothing listens there' } as const

  expect(short(judgeSshd({ port: 22, answer, isNeeded, platform }))).toEqual([['sshd', severity, next]])
})

describe('judgeGrants()', () => {
  const gate = { path: "/h/it's/claw-peer", isRunnable: true }
  const key = { type: 'ssh-ed25519', base64: 'AAAA' }
  const command = "'/h/it'\\''s/claw-peer'"
  const peer = aPeer({ gatewayId: id('studio'), clanKey: A, sshPort: 2222 })
  const grant = { gatewayId: id('Studio'), command, key, fingerprint: A }
  const add = 'claw-setup-ssh add claw 10.0.0.2 --port 2222'

  test.each<[string, object, string, string | null]>([
    ['right key, our gate', {}, 'ok', null],
    ['another key', { grants: [{ ...grant, fingerprint: B }] }, 'warning', add],
    ['another gate', { grants: [{ ...grant, command: '/old/claw-peer' }] }, 'warning', add],
    ['no line', { grants: [] }, 'warning', add],
    ['no line for a one-way peer', { grants: [], peers: [{ ...peer, oneWay: true }] }, 'ok', null],
    ['no line for a legacy peer', { grants: [], peers: [{ ...peer, legacyKey: '/k' }] }, 'ok', null],
    ['a line for a peer whose record does not read', { peers: [], unread: ['STUDIO'] }, 'ok', null],
    ['a line for a stranger', { peers: [] }, 'warning', 'claw-setup-ssh forget Studio'],
    ['a gate that does not start', { gate: { ...gate, isRunnable: false } }, 'problem', 'claw-setup --yes'],
  ])('%s', (_what, change, severity, next) => {
    const findings = judgeGrants({ file: '/ak', gate, grants: [grant], peers: [peer], unread: [], ...change })

    expect(findings.map(each => [each.severity, each.next])).toEqual([[severity, next]])
  })
})

test.each([
  [0o700, 501, 'ok'],
  [0o755, 0, 'ok'],
  [0o770, 501, 'warning'],
  [0o702, 501, 'warning'],
  [0o700, 502, 'problem'],
])('a folder above authorized_keys with mode %o of user %i: %s', (mode, uid, severity) => {
  expect(judgeKeyPaths([{ path: '/h/.ssh', mode, uid }], 501).map(each => each.severity)).toEqual([severity])
})

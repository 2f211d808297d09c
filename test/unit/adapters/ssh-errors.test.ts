import { describe, expect, test } from 'vitest'
import {
  closedEarly,
  hostKeyChanged,
  placeName,
  type Stage,
  sshError,
  tooSlow,
} from '../../../src/adapters/ssh-errors.ts'
import { type HostKeyCheck, hostKeyAlgorithms } from '../../../src/adapters/ssh-trust.ts'

const place = { host: '10.0.0.7', port: 22, user: 'claw' }
const failure = (facts: object, message = 'it broke') => Object.assign(new Error(message), facts)

test.each([
  { stage: 'connect', facts: { code: 'ECONNREFUSED' }, code: 'ssh-refused' },
  { stage: 'connect', facts: { code: 'EHOSTUNREACH' }, code: 'host-unreachable' },
  { stage: 'connect', facts: { code: 'ETIMEDOUT' }, code: 'host-unreachable' },
  { stage: 'connect', facts: { code: 'ENOTFOUND' }, code: 'host-unreachable' },
  { stage: 'connect', facts: { code: 'ENETUNREACH' }, code: 'no-network' },
  { stage: 'connect', facts: { code: 'ENETDOWN' }, code: 'no-network' },
  { stage: 'connect', facts: { code: 'EADDRNOTAVAIL' }, code: 'no-network' },
  { stage: 'connect', facts: { code: 'EAI_AGAIN' }, code: 'no-network' },
  { stage: 'connect', facts: { code: 'EMFILE' }, code: 'no-network' },
  { stage: 'connect', facts: { code: 'EWHATEVER' }, code: 'ssh-failed' },
  { stage: 'connect', facts: { code: 'ECONNRESET', level: 'client-socket' }, code: 'ssh-busy' },
  { stage: 'handshake', facts: { code: 'ECONNRESET', level: 'client-socket' }, code: 'ssh-busy' },
  { stage: 'handshake', facts: { level: 'handshake' }, code: 'ssh-failed' },
  { stage: 'login', facts: { level: 'client-authentication' }, code: 'auth-denied' },
  { stage: 'login', facts: { code: 14 }, code: 'auth-denied' },
  { stage: 'login', facts: { code: 'ECONNRESET', level: 'client-socket' }, code: 'ssh-failed' },
  { stage: 'command', facts: { level: 'client-timeout' }, code: 'ssh-timeout' },
  { stage: 'command', facts: { code: 'ECONNRESET' }, code: 'ssh-failed' },
] satisfies { stage: Stage; facts: object; code: string }[])(
  'sshError() calls $facts during $stage $code',
  ({ stage, facts, code }) => {
    expect(sshError(failure(facts), stage, place)).toMatchObject({ code })
  },
)

test.each([
  { stage: 'connect', slow: 'host-unreachable', closed: 'ssh-busy' },
  { stage: 'handshake', slow: 'ssh-timeout', closed: 'ssh-busy' },
  { stage: 'login', slow: 'ssh-timeout', closed: 'ssh-failed' },
  { stage: 'command', slow: 'ssh-timeout', closed: 'ssh-failed' },
] satisfies { stage: Stage; slow: string; closed: string }[])(
  'silence and an early end mean different things during $stage',
  ({ stage, slow, closed }) => {
    expect(tooSlow(stage, place, 500)).toMatchObject({ code: slow })
    expect(tooSlow(stage, place, 500).message).toContain('within 500 ms')
    expect(closedEarly(stage, place)).toMatchObject({ code: closed })
  },
)

test.each([
  { codes: ['ENETUNREACH', 'ECONNREFUSED'], code: 'ssh-refused' },
  { codes: ['ENETUNREACH', 'EADDRNOTAVAIL'], code: 'no-network' },
  { codes: ['ETIMEDOUT', 'ENETUNREACH'], code: 'host-unreachable' },
])('sshError() takes $codes of a name with two addresses for $code', ({ codes, code }) => {
  const error = new AggregateError(codes.map(each => failure({ code: each })))

  expect(sshError(Object.assign(error, { code: codes[0] }), 'connect', place)).toMatchObject({ code })
})

test('a server cannot write to the terminal through an error message', () => {
  const error = sshError(failure({ code: 2 }, 'bye\u001b[2J\nroot#'), 'login', place)

  expect(error.message).not.toContain('\u001b')
  expect(error.message).not.toContain('\n')
})

test('hostKeyChanged() shows both fingerprints', () => {
  const pins = [{ type: 'ssh-ed25519', blob: Buffer.from('pinned') }]

  const { message } = hostKeyChanged(place, pins, Buffer.from('offered'))

  expect(message.match(/SHA256:[A-Za-z0-9+/]{43}/g)).toHaveLength(2)
})

test('placeName() writes IPv6 addresses in brackets', () => {
  expect(placeName({ host: 'fd00::7', port: 2222, user: 'claw' })).toBe('claw@[fd00::7]:2222')
})

describe('host keys', () => {
  test('are asked for by the pinned types only, ed25519 first', () => {
    expect(hostKeyAlgorithms(['ssh-rsa', 'ssh-ed25519'])).toEqual([
      'ssh-ed25519',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ])
    expect(hostKeyAlgorithms(['ssh-dss', 'made-up'])).toEqual([])
  })

  test('are never signed for with SHA-1', () => {
    expect(hostKeyAlgorithms()).not.toContain('ssh-rsa')
  })

  test('cannot be checked by a function that answers later: the library takes its promise for a yes', () => {
    // @ts-expect-error a promise is no boolean
    const late: HostKeyCheck = async () => false

    expect(late(Buffer.alloc(0))).toBeInstanceOf(Promise)
  })
})

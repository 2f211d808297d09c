import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAck, parseLegacyAck } from '../../../src/fleet/probe.ts'
import { id } from '../../support/builders.ts'

const NONCE = 'ab12cd34'
const identity = '{"gatewayId":"studio","name":"Studio","leadNumber":3,"sshUser":"claw","version":"2.0.0"}'
const ack = `claw-clan-ack ${NONCE} 1795000000 1\n`

describe('parseAck()', () => {
  test.each([
    { noise: '' },
    { noise: 'Welcome!\n' },
    { noise: 'no line end ' },
    { noise: 'claw-clan-ack 0000 1795000000 1\n{}\n' },
  ])('believes the right nonce and identity after $noise', ({ noise }) => {
    const answer = parseAck(`${noise}${ack}${identity}\n`, NONCE, id('Studio'))

    expect(answer).toMatchObject({
      kind: 'ack',
      peerClock: 1795000000000,
      identity: { gatewayId: 'studio', leadNumber: 3 },
    })
  })

  test.each([
    { why: 'silence', output: '', reason: 'no-answer' },
    { why: 'an echo of the question', output: `ping ${NONCE}\n`, reason: 'no-answer' },
    {
      why: 'a recorded answer',
      output: `claw-clan-ack 0000 1795000000 1\n${identity}`,
      reason: 'stale-nonce',
    },
    {
      why: 'another nonce that begins like ours',
      output: `claw-clan-ack ${NONCE}00 1795000000 1\n${identity}`,
      reason: 'stale-nonce',
    },
    { why: 'an answer cut in the ack line', output: `claw-clan-ack ${NONCE} 17950`, reason: 'stale-nonce' },
    {
      why: 'another machine',
      output: `${ack}${identity.replace('studio', 'mini')}`,
      reason: 'wrong-identity',
    },
    { why: 'no identity', output: ack, reason: 'wrong-identity' },
    { why: 'half an identity', output: `${ack}${identity.slice(0, 40)}`, reason: 'wrong-identity' },
    { why: 'an id that is a path', output: `${ack}{"gatewayId":"../../evil"}`, reason: 'wrong-identity' },
  ])('does not believe $why', ({ output, reason }) => {
    expect(parseAck(output, NONCE, id('studio'))).toMatchObject({ kind: 'miss', reason })
  })

  test('shows a hostile id without its control characters', () => {
    const answer = parseAck(`${ack}{"gatewayId":"other","name":"\\u001b[2J"}`, NONCE, id('studio'))

    expect(answer).toMatchObject({ detail: 'the machine there says it is "other"' })
  })

  test('throws for no output whatever', () => {
    const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(ack, identity, '\n', '\r\n', NONCE))
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        const output = pieces.join('')
        expect(['ack', 'miss']).toContain(parseAck(output, NONCE, id('studio')).kind)
        expect(['ack', 'miss']).toContain(parseLegacyAck(output, NONCE, known).kind)
      }),
    )
  })
})

const known = { gatewayId: id('studio'), name: 'Studio', leadNumber: 3, sshUser: 'claw', version: '' }

describe('parseLegacyAck()', () => {
  const answer = (rest: string) =>
    parseLegacyAck(`noise\nclaw-clan-ack ${NONCE} 1795000000 0\n${rest}`, NONCE, known)

  test('takes the identity of a machine with a state.json from our record', () => {
    expect(answer('gateway Studio\n')).toEqual({ kind: 'ack', peerClock: 1795000000000, identity: known })
  })

  test('leaves a machine without state.json to its pinned host key', () => {
    expect(answer('host vps-17.example.net\n')).toMatchObject({ kind: 'ack', identity: known })
  })

  test.each(['gateway mini\n', 'something else\n', ''])('does not believe %j', rest => {
    expect(answer(rest)).toMatchObject({ kind: 'miss', reason: 'wrong-identity' })
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClawError } from '../../../src/fleet/error.ts'
import {
  answerLine,
  helloLine,
  idOf,
  MAX_LINE_BYTES,
  parseAnswer,
  parseHello,
  parseInspection,
  parseRequest,
  refusalLine,
  requestLine,
} from '../../../src/fleet/peer-protocol.ts'
import { id } from '../../support/builders.ts'

const speaker = { gatewayId: id('studio'), version: '2.0.0' }
const at = new Date('2026-11-20T10:00:00Z')

describe('hello', () => {
  test('survives noise of a login shell on the same line', () => {
    const line = `Last login: today ${helloLine(speaker)}`.trimEnd()

    expect(parseHello(line)).toEqual({ gatewayId: 'studio', version: '2.0.0', protocol: 1 })
  })

  test.each([
    '',
    '{"hello":"claw-clan",',
    '{"hello":"claw-clan","gatewayId":"../x","protocol":1}',
    '{"id":1}',
  ])('is not seen in %j', line => {
    expect(parseHello(line)).toBeUndefined()
  })
})

describe('requests', () => {
  test('come out as they went in', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(fc.nat(), fc.string(), json, (number, verb, given) => {
        const { id: _id, verb: _verb, ['__proto__']: _proto, ...params } = JSON.parse(JSON.stringify(given))

        expect(parseRequest(requestLine({ id: number, verb, params }))).toEqual({ id: number, verb, params })
      }),
    )
  })

  test.each([
    '',
    'hello',
    '[]',
    'null',
    '{"id":1}',
    '{"verb":"inspect"}',
    '{"id":-1,"verb":"x"}',
    '{"id":1.5,"verb":"x"}',
  ])('are not seen in %j', line => {
    expect(() => parseRequest(line)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })

  test('longer than a line may be are not sent', () => {
    const params = { text: 'é'.repeat(MAX_LINE_BYTES / 2) }

    expect(() => requestLine({ id: 1, verb: 'x', params })).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
  })
})

describe('answers', () => {
  test('carry who answers and when', () => {
    const line = answerLine(7, speaker, at, { lastPing: null })

    expect(JSON.parse(line)).toEqual({
      id: 7,
      ok: true,
      protocol: 1,
      gatewayId: 'studio',
      version: '2.0.0',
      time: '2026-11-20T10:00:00.000Z',
      lastPing: null,
    })
    expect(parseAnswer(line)).toMatchObject({
      id: 7,
      ok: true,
      body: { gatewayId: 'studio', lastPing: null },
    })
  })

  test('cannot be made to speak for somebody else by their body', () => {
    const line = answerLine(7, speaker, at, { id: 8, ok: false, gatewayId: 'mini' })

    expect(JSON.parse(line)).toMatchObject({ id: 7, ok: true, gatewayId: 'studio' })
  })

  test('that refuse keep the id, or null when there was none', () => {
    expect(parseAnswer(refusalLine(null, 'bad-input', 'no'))).toEqual({
      id: null,
      ok: false,
      error: { code: 'bad-input', message: 'no' },
    })
    expect(idOf('{"id":4,"verb":5}')).toBe(4)
    expect(idOf('not json')).toBeNull()
  })

  test.each(['', '{}', '{"id":1}', '{"id":"1","ok":true}', '{"id":1,"ok":false}', '{"id":1,"ok":1}'])(
    'are not seen in %j',
    line => {
      expect(() => parseAnswer(line)).toThrow(expect.objectContaining({ code: 'bad-answer' }))
    },
  )
})

test('no line makes a parser throw anything but a ClawError', () => {
  const line = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map(text => `{"id":1,"ok":true,"verb":"x","a":${text}}`),
  )
  fc.assert(
    fc.property(line, text => {
      for (const parse of [parseRequest, parseAnswer, parseHello, parseInspection]) {
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ClawError)
        }
      }
    }),
  )
})

test('parseInspection() reads what inspect answers, and refuses a hostile identity', () => {
  const body = {
    identity: { gatewayId: 'studio', name: 'Stu\u001bdio', leadNumber: 1, sshUser: 'claw', version: '2.0.0' },
    versions: { program: '2.0.0', node: 'v24', protocol: 1 },
    lastPing: null,
    registration: 'something new',
  }

  expect(parseInspection(body)).toMatchObject({ identity: { name: 'Studio' }, registration: 'unknown' })
  expect(() => parseInspection({ ...body, identity: { gatewayId: '../x' } })).toThrow(
    expect.objectContaining({ code: 'bad-answer' }),
  )
})

import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../../src/cli/arguments.ts'
import { helpText } from '../../../src/cli/help.ts'

const command = {
  name: 'claw-x',
  summary: 'Do x',
  options: {
    away: { type: 'boolean', negatable: true, help: 'It may be away' },
    'no-wait': { type: 'boolean', help: 'Do not wait' },
  },
  example: 'claw-x',
  failure: 'Nothing',
} as const

describe('a flag that has a --no- form', () => {
  test.each([
    { argv: [], values: {} },
    { argv: ['--away'], values: { away: true } },
    { argv: ['--no-away'], values: { away: false } },
    { argv: ['--no-wait'], values: { 'no-wait': true } },
  ])('$argv gives $values', ({ argv, values }) => {
    expect(parseArguments(command, argv).values).toEqual(values)
  })

  test('is refused beside it', () => {
    expect(() => parseArguments(command, ['--away', '--no-away'])).toThrow(/--away and --no-away/)
  })

  test('is found when it is mistyped, and shown once in the help', () => {
    expect(() => parseArguments(command, ['--no-awya'])).toThrow(/did you mean --no-away/)
    expect(helpText(command)).toContain('  --[no-]away  ')
  })

  test('that a command does not have is unknown', () => {
    expect(() => parseArguments(command, ['--no-json'])).toThrow(/Unknown option "--no-json"/)
  })
})

test.each([
  { argv: ['--home', ''], says: '--home is empty: it must name a folder' },
  { argv: ['--key='], says: '--key is empty: it must name a file' },
])('$argv is refused: it would mean the folder one happens to be in', ({ argv, says }) => {
  const withKey = { ...command, options: { key: { type: 'string', value: 'FILE', help: 'x' } } } as const

  expect(() => parseArguments(withKey, argv)).toThrow(says)
})

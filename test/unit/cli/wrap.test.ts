import fc from 'fast-check'
import { expect, test } from 'vitest'
import { widthOf } from '../../../src/cli/terminal.ts'
import { wrap, wrapIndented } from '../../../src/cli/wrap.ts'

test('wrap() breaks at spaces, keeps every word, and no line of more than one word is too wide', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'é', '東', '-'), minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 10, max: 40 }),
      (words, columns) => {
        const lines = wrap(words.join(' '), columns)

        expect(lines.join(' ')).toBe(words.join(' '))
        for (const line of lines) expect(widthOf(line) <= columns || !line.includes(' ')).toBe(true)
      },
    ),
  )
})

test('wrapIndented() leaves room for its indent', () => {
  expect(wrapIndented('aaa bbb ccc', 9, '  ')).toBe('aaa bbb\n  ccc')
})

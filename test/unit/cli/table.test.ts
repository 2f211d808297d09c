import { stripVTControlCharacters, styleText } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renderTable } from '../../../src/cli/table.ts'
import { widthOf } from '../../../src/cli/terminal.ts'
import { isSafeText } from '../../../src/fleet/text.ts'

const plain = { columns: 80, paint: (_style: unknown, text: string) => text }

test('columns line up, wide characters and combining marks included', () => {
  const table = renderTable(
    [
      [{ text: '東京' }, { text: '1' }],
      [{ text: 'e\u0301a' }, { text: '2' }],
      [{ text: '🦞' }, { text: '3' }],
    ],
    plain,
  )

  expect(table.split('\n').map(line => widthOf(line))).toEqual([7, 7, 7])
})

test('colour does not change the width', () => {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    styleText(style, text, { validateStream: false })
  const rows = [
    [{ text: 'online', style: 'green' as const }, { text: 'x' }],
    [{ text: 'off' }, { text: 'x' }],
  ]

  const [first = '', second = ''] = renderTable(rows, { columns: 80, paint }).split('\n')

  expect(first).toContain('\u001b[')
  expect(stripVTControlCharacters(first).indexOf('x')).toBe(second.indexOf('x'))
})

test('a table that is too wide cuts the shrinkable columns and fits', () => {
  const long = 'a very long note that nobody needs in full, written by a machine with a lot to say'

  const table = renderTable([[{ text: 'id' }, { text: long }, { text: long }]], plain, [2, 1])

  expect(widthOf(table)).toBeLessThanOrEqual(80)
  expect(table).toContain('…')
  expect(table).toMatch(/^id/)
})

test('whatever the cells hold, no control byte gets out and every row is one line of at most 80 columns', () => {
  const cell = fc.string({ unit: 'binary', maxLength: 120 }).map(text => ({ text }))
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }), rows => {
      const lines = renderTable(rows, plain, [0, 1, 2]).split('\n')
      expect(lines).toHaveLength(rows.length)
      for (const line of lines) {
        expect(isSafeText(line)).toBe(true)
        expect(widthOf(line)).toBeLessThanOrEqual(80)
      }
    }),
  )
})

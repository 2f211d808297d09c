import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Line, lineSplitter } from '../../../src/fleet/line-splitter.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

const split = (pieces: readonly Uint8Array[], maxBytes: number): readonly Line[] => {
  const splitter = lineSplitter(maxBytes)
  return pieces.flatMap(piece => splitter.push(piece))
}

test('lineSplitter() gives the same lines however the bytes arrive', () => {
  const line = fc.string({ unit: 'grapheme' }).map(text => text.replaceAll(/[\r\n]/g, ' '))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.integer({ min: 0, max: 200 })), (lines, cuts) => {
      const all = bytes(lines.map(text => `${text}\n`).join(''))
      const edges = [0, ...cuts.filter(cut => cut < all.length).toSorted((a, b) => a - b), all.length]
      const pieces = edges.slice(1).map((end, at) => all.subarray(edges[at], end))

      expect(split(pieces, 10_000)).toEqual(lines.map(text => ({ kind: 'line', text })))
    }),
  )
})

test('lineSplitter() takes a carriage return before the line feed as part of the line end', () => {
  expect(split([bytes('a\r\nb\rc\n')], 10)).toEqual([
    { kind: 'line', text: 'a' },
    { kind: 'line', text: 'b\rc' },
  ])
})

test('lineSplitter() reports a too long line once, drops it, and goes on', () => {
  const pieces = ['12345678', '9abcdef', 'ghi\nnext\n'].map(bytes)

  expect(split(pieces, 10)).toEqual([{ kind: 'too-long' }, { kind: 'line', text: 'next' }])
})

test('lineSplitter() allows exactly the limit', () => {
  expect(split([bytes('12345\n')], 5)).toEqual([{ kind: 'line', text: '12345' }])
  expect(split([bytes('123456\n')], 5)).toEqual([{ kind: 'too-long' }])
})

test('lineSplitter() holds no more than the limit of an endless line', () => {
  const splitter = lineSplitter(1000)
  const piece = new Uint8Array(64 * 1024).fill(65)

  const lines = Array.from({ length: 1000 }, () => splitter.push(piece)).flat()

  expect(lines).toEqual([{ kind: 'too-long' }])
  expect(splitter.pending()).toBeLessThanOrEqual(1000)
})

test('lineSplitter() keeps what it was given when the caller uses the memory again', () => {
  const splitter = lineSplitter(100)
  const memory = bytes('abc')
  splitter.push(memory)
  memory.fill(90)

  expect(splitter.push(bytes('\n'))).toEqual([{ kind: 'line', text: 'abc' }])
})

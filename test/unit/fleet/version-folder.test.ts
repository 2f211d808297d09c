import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  activationsAfter,
  isVersionFile,
  isVersionName,
  parseVersionManifest,
  versionBefore,
  versionName,
  versionsToPrune,
} from '../../../src/fleet/version-folder.ts'

const HASH = 'a'.repeat(64)
const manifest = (more: object = {}) =>
  JSON.stringify({ schema: 1, version: '2.0.0', hash: HASH, files: { 'dist/setup.js': HASH }, ...more })

describe('a manifest', () => {
  test('gives the folder its name', () => {
    const read = parseVersionManifest(manifest(), 'x')

    expect(versionName(read)).toBe('2.0.0-aaaaaaaaaaaa')
    expect(isVersionName(versionName(read))).toBe(true)
  })

  test.each([
    ['no JSON', '{'],
    ['another schema', manifest({ schema: 2 })],
    ['a way out', manifest({ files: { 'dist/setup.js': HASH, 'dist/../../x': HASH } })],
    ['a path that is none of a version', manifest({ files: { 'dist/setup.js': HASH, 'state.json': HASH } })],
    ['an absolute path', manifest({ files: { 'dist/setup.js': HASH, '/etc/passwd': HASH } })],
    ['no programs', manifest({ files: { 'skills/a/SKILL.md': HASH } })],
    ['a hash that is none', manifest({ hash: 'A'.repeat(64) })],
    ['a version that is a path', manifest({ version: '../../x' })],
  ])('with %s is damaged', (_what, text) => {
    expect(() => parseVersionManifest(text, '"manifest.json"')).toThrow(
      expect.objectContaining({ code: 'damaged-state', message: expect.stringContaining('manifest.json') }),
    )
  })
})

test.each([
  ['dist/setup.js', true],
  ['dist/lib/chunks/core-Ab_1.js', true],
  ['skills/claw-clan/references/setup guide.md', true],
  ['dist/cache/v24/x', false],
  ['dist', false],
  ['dist/.hidden', false],
  ['dist//x', false],
  ['dist/a\nb', false],
  ['dist/a\\b', false],
  ['bin/x', false],
])('isVersionFile(%j) is %j', (path, is) => {
  expect(isVersionFile(path)).toBe(is)
})

test.each([
  '',
  '..',
  '2.0.0',
  '2.0.0-AAAAAAAAAAAA',
  '../2.0.0-aaaaaaaaaaaa',
  '2.0.0-..-aaaaaaaaaaaa',
  'x-aaaaaaaaaaaa',
])('isVersionName(%j) is false', name => {
  expect(isVersionName(name)).toBe(false)
})

describe('stepping back', () => {
  test('leads to the version of before, then to the one before that', () => {
    const activated = ['a', 'b', 'c']

    expect(versionBefore(activated, 'c', ['a', 'b', 'c'])).toBe('b')
    expect(versionBefore(activated, 'b', ['a', 'b', 'c'])).toBe('a')
    expect(versionBefore(activated, 'a', ['a', 'b', 'c'])).toBeUndefined()
    expect(versionBefore(activated, 'c', ['a', 'c'])).toBe('a')
  })

  test('never leads to what was stepped back from', () => {
    const afterFix = activationsAfter(['a', 'broken'], 'a', 'fixed')

    expect(afterFix).toEqual(['a', 'fixed'])
    expect(versionBefore(afterFix, 'fixed', ['a', 'broken', 'fixed'])).toBe('a')
  })

  test('knows a current version that nobody recorded', () => {
    expect(activationsAfter([], 'unpacked', 'new')).toEqual(['unpacked', 'new'])
    expect(activationsAfter(['a', 'b'], 'b', 'b')).toEqual(['a', 'b'])
  })
})

const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'))

test('pruning keeps the current version, the one before it and fresh ones, and else leaves at most three', () => {
  fc.assert(
    fc.property(names, names, names, fc.nat(), (activated, present, fresh, pick) => {
      const current = present[pick % Math.max(1, present.length)]
      const pruned = versionsToPrune({ activated, current, present, fresh })
      const left = present.filter(name => !pruned.includes(name))
      const before = versionBefore(activated, current, present)

      expect(left).toEqual(
        expect.arrayContaining(present.filter(name => name === current || name === before)),
      )
      expect(left).toEqual(expect.arrayContaining(fresh.filter(name => present.includes(name))))
      expect(left.filter(name => !fresh.includes(name)).length).toBeLessThanOrEqual(3)
      expect(left.length).toBeGreaterThanOrEqual(Math.min(3, present.length))
    }),
  )
})

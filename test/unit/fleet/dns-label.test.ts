import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hostLabel, instanceLabel, truncateUtf8, utf8Length } from '../../../src/fleet/dns-label.ts'
import { idKey, isGatewayId } from '../../../src/fleet/parse.ts'
import { isSafeText } from '../../../src/fleet/text.ts'
import { id } from '../../support/builders.ts'

const anyText = fc.string({ unit: 'grapheme', maxLength: 80 })
const anyId = fc
  .stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/)
  .filter(isGatewayId)
  .map(id)

describe('labels', () => {
  test('an instance label is at most 63 bytes, without dots, and never cuts a character', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 100_000 }), (text, attempt) => {
        const label = instanceLabel(text, attempt)

        expect(utf8Length(label)).toBeLessThanOrEqual(63)
        expect(label).not.toContain('.')
        expect(label.trim()).not.toBe('')
        expect(isSafeText(label)).toBe(true)
        expect(label.endsWith(` (${attempt})`)).toBe(attempt > 1)
      }),
    )
  })

  test.each([
    { name: 'Mini', attempt: 1, label: 'Mini' },
    { name: 'Mini', attempt: 2, label: 'Mini (2)' },
    { name: 'mini.local', attempt: 1, label: 'mini-local' },
    { name: 'é'.repeat(40), attempt: 1, label: 'é'.repeat(31) },
    { name: '🦀'.repeat(40), attempt: 12, label: `${'🦀'.repeat(14)} (12)` },
    { name: ' \u001b ', attempt: 1, label: 'claw-clan' },
  ])('instanceLabel($name, $attempt) is $label', ({ name, attempt, label }) => {
    expect(instanceLabel(name, attempt)).toBe(label)
  })

  test('a host label is a plain DNS label', () => {
    fc.assert(
      fc.property(anyId, fc.integer({ min: 1, max: 100_000 }), (gatewayId, attempt) => {
        expect(hostLabel(gatewayId, attempt)).toMatch(/^[a-z0-9-]{6,63}$/)
      }),
    )
  })

  test('host labels of two ids differ unless the ids are equal regardless of case', () => {
    fc.assert(
      fc.property(anyId, anyId, (a, b) => {
        expect(hostLabel(a, 1) === hostLabel(b, 1)).toBe(idKey(a) === idKey(b))
      }),
    )
    expect(hostLabel(id('a.b'), 1)).not.toBe(hostLabel(id('a_b'), 1))
    expect(hostLabel(id('a.b'), 1)).not.toBe(hostLabel(id('a-b'), 1))
    expect(hostLabel(id(`${'a'.repeat(63)}1`), 1)).not.toBe(hostLabel(id(`${'a'.repeat(63)}2`), 1))
    expect(hostLabel(id('Mini'), 2)).toBe('claw-mini-2')
  })

  test('truncateUtf8() keeps the longest beginning that fits', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 100 }), (text, max) => {
        const kept = truncateUtf8(text, max)
        const next = [...text.slice(kept.length)][0] ?? ''

        expect(text.startsWith(kept)).toBe(true)
        expect(utf8Length(kept)).toBeLessThanOrEqual(max)
        expect(next === '' || utf8Length(kept + next) > max).toBe(true)
      }),
    )
  })
})

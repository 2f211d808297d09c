import { describe, expect, test } from 'vitest'
import type { DoctorResult, Reported } from '../../../src/actions/doctor.ts'
import { remedyOf, renderDoctor } from '../../../src/cli/render-doctor.ts'
import { tallyOf } from '../../../src/fleet/finding.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }
const resultOf = (...findings: readonly Reported[]): DoctorResult => ({ findings, tally: tallyOf(findings) })
const finding = (facts: Partial<Reported> = {}): Reported => ({
  id: 'a',
  severity: 'warning',
  message: 'It is odd',
  next: 'mend it',
  ...facts,
})
const good = finding({ severity: 'ok', message: 'Fine', next: null })
const usual = { quiet: false, all: false }

describe('renderDoctor()', () => {
  test('each finding with its next step, what is fine as a number', () => {
    expect(renderDoctor(resultOf(finding(), good, good), look, usual)).toBe(
      'warning  It is odd\n         next: mend it\n\n1 warning, 2 checks are fine',
    )
  })

  test('--all shows what is fine as well', () => {
    expect(renderDoctor(resultOf(good), look, { quiet: false, all: true })).toBe(
      'ok       Fine\n\n1 check is fine',
    )
  })

  test('--quiet says nothing of notes and what is fine', () => {
    const quiet = { quiet: true, all: false }

    expect(renderDoctor(resultOf(good, finding({ severity: 'note' })), look, quiet)).toBe('')
    expect(renderDoctor(resultOf(good, finding()), look, quiet)).toContain('It is odd')
  })

  test('what was fixed has no next step; what would be has both', () => {
    expect(renderDoctor(resultOf(finding({ fixed: 'mended it' })), look, usual)).toContain(
      'fixed    It is odd: mended it\n\n',
    )
    expect(renderDoctor(resultOf(finding({ wouldFix: 'mend it all' })), look, usual)).toContain(
      'warning  It is odd\n         --fix would: mend it all\n         next: mend it\n',
    )
  })

  test('nothing is wider than the terminal, and foreign text moves no cursor', () => {
    const text = renderDoctor(
      resultOf(finding({ message: `${'word '.repeat(40)}\u001b[2J\nline`, next: 'x '.repeat(90) })),
      look,
      usual,
    )

    expect(text.split('\n').filter(line => line.length > 80)).toEqual([])
    expect(text).not.toMatch(/[^\P{Cc}\n]/u)
  })
})

test.each([
  [{}, 'none'],
  [{ fix: true }, 'fix'],
  [{ 'dry-run': true }, 'plan'],
  [{ fix: true, 'dry-run': true }, 'plan'],
] as const)('%j asks for %s', (options, remedy) => {
  expect(remedyOf(options)).toBe(remedy)
})

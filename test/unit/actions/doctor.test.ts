import { describe, expect, test } from 'vitest'
import { type Check, type DoctorDeps, examine } from '../../../src/actions/doctor.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { type Finding, type Fix, fine, note, problem, warning } from '../../../src/fleet/finding.ts'

const never = new Promise<never>(() => {})

const checkOf = (id: string, ...findings: readonly Finding[]): Check => ({
  id,
  about: `the ${id}`,
  timeoutMs: 100,
  look: async () => findings,
})

const depsOf = (checks: readonly Check[], changes: Partial<DoctorDeps> = {}): DoctorDeps => ({
  checks: async () => checks,
  clock: { sleep: () => never },
  mend: async () => 'mended',
  onProgress: () => {},
  ...changes,
})

const SWEEP: Fix = { kind: 'sweep', paths: ['/x'] }

describe('examine() without a remedy', () => {
  test('tells the worst first, and nothing of what could be fixed', async () => {
    const checks = [
      checkOf('a', fine('a', 'good')),
      checkOf('b', note('b', 'hm', { next: 'x', fix: SWEEP }), problem('c', 'broken', { next: 'y' })),
      checkOf('d', warning('d', 'soon')),
    ]

    const { findings, tally } = await examine(depsOf(checks), 'none')

    expect(findings).toEqual([
      { id: 'c', severity: 'problem', message: 'broken', next: 'y' },
      { id: 'd', severity: 'warning', message: 'soon', next: null },
      { id: 'b', severity: 'note', message: 'hm', next: 'x' },
      { id: 'a', severity: 'ok', message: 'good', next: null },
    ])
    expect(tally).toEqual({ ok: 1, note: 1, warning: 1, problem: 1 })
  })

  test('a check that throws is a finding with its hint, and the others are told', async () => {
    const refuses = () => Promise.reject(new ClawError('timeout', 'it does not end', { hint: 'wait' }))
    const breaks = () => Promise.reject(new TypeError('x is not a function'))
    const checks = [
      { ...checkOf('a'), look: refuses },
      { ...checkOf('b'), look: breaks },
      checkOf('c', fine('c', 'good')),
    ]

    const { findings } = await examine(depsOf(checks), 'none')

    expect(findings.map(({ id, severity, message, next }) => [id, severity, message, next])).toEqual([
      [
        'b',
        'problem',
        'Cannot check the b: x is not a function',
        'this is a fault of claw-clan: please report it',
      ],
      ['a', 'warning', 'Cannot check the a: it does not end', 'wait'],
      ['c', 'ok', 'good', null],
    ])
  })

  test('a check that fails without a hint has a next step all the same', async () => {
    const look = () => Promise.reject(new ClawError('damaged-state', 'no journal'))

    const { findings } = await examine(depsOf([{ ...checkOf('a'), look }]), 'none')

    expect(findings.map(({ next }) => next)).toEqual([
      'do what the other findings say, then claw-doctor again',
    ])
  })

  test('a check that takes too long is a finding, is told to stop, and holds nobody up', async () => {
    let stopped = false
    const look = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        stopped = true
      })
      return never
    }
    const slept: number[] = []
    const sleep = async (ms: number) => void slept.push(ms)

    const { findings } = await examine(depsOf([{ ...checkOf('a'), look }], { clock: { sleep } }), 'none')

    expect(findings.map(({ message }) => message)).toEqual(['Cannot check the a: it took longer than 100 ms'])
    expect({ stopped, slept }).toEqual({ stopped: true, slept: [100] })
  })
})

describe('examine() with a remedy', () => {
  /** A check whose finding is gone once `mend` was called. */
  function mendable(findings: readonly Finding[], after: readonly Finding[]) {
    const calls: [Fix, boolean][] = []
    const check = { ...checkOf('a'), look: async () => (calls.some(([, dry]) => !dry) ? after : findings) }
    const mend: DoctorDeps['mend'] = async (fix, dryRun) => {
      calls.push([fix, dryRun])
      return 'swept'
    }
    return { deps: depsOf([check], { mend }), calls }
  }

  test('what is gone afterwards is fixed, and counts as fine', async () => {
    const { deps, calls } = mendable([problem('a', 'dirt', { next: 'rm', fix: SWEEP })], [fine('a', 'clean')])

    const { findings, tally } = await examine(deps, 'fix')

    expect(findings).toEqual([{ id: 'a', severity: 'problem', message: 'dirt', next: 'rm', fixed: 'swept' }])
    expect(tally).toEqual({ ok: 1, note: 0, warning: 0, problem: 0 })
    expect(calls).toEqual([[SWEEP, false]])
  })

  test('what is still there is not called fixed', async () => {
    const dirt = problem('a', 'dirt', { next: 'rm', fix: SWEEP })
    const { deps } = mendable([dirt], [dirt])

    const { findings, tally } = await examine(deps, 'fix')

    expect(findings).toEqual([{ id: 'a', severity: 'problem', message: 'dirt', next: 'rm' }])
    expect(tally.problem).toBe(1)
  })

  test('what is left comes before what was fixed, however bad that was', async () => {
    const { deps } = mendable(
      [problem('a', 'dirt', { fix: SWEEP }), note('b', 'a scratch')],
      [note('b', 'a scratch')],
    )

    const { findings } = await examine(deps, 'fix')

    expect(findings.map(({ message }) => message)).toEqual(['a scratch', 'dirt'])
  })

  test('what shows only now is told, too', async () => {
    const { deps } = mendable([note('a', 'dirt', { fix: SWEEP })], [warning('a', 'a crack below')])

    const { findings } = await examine(deps, 'fix')

    expect(findings.map(({ message }) => message)).toEqual(['a crack below', 'dirt'])
  })

  test('a plan changes nothing and says what would be done', async () => {
    const { deps, calls } = mendable([problem('a', 'dirt', { next: 'rm', fix: SWEEP })], [])

    const { findings, tally } = await examine(deps, 'plan')

    expect(findings).toEqual([
      { id: 'a', severity: 'problem', message: 'dirt', next: 'rm', wouldFix: 'swept' },
    ])
    expect(tally.problem).toBe(1)
    expect(calls).toEqual([[SWEEP, true]])
  })

  test('one remedy for several findings is applied once', async () => {
    const { deps, calls } = mendable(
      [problem('a', 'x', { fix: SWEEP }), note('b', 'y', { fix: SWEEP })],
      [fine('a', 'clean')],
    )

    const { findings } = await examine(deps, 'fix')

    expect(calls).toHaveLength(1)
    expect(findings.map(({ fixed }) => fixed)).toEqual(['swept', 'swept'])
  })

  test('a remedy that fails leaves the finding, with the reason', async () => {
    const mend = () => Promise.reject(new ClawError('store-unavailable', 'the disk is full'))
    const checks = [checkOf('a', problem('a', 'dirt', { next: 'rm', fix: SWEEP }))]

    const { findings } = await examine(depsOf(checks, { mend }), 'fix')

    expect(findings).toEqual([
      { id: 'a', severity: 'problem', message: 'dirt; it could not be fixed: the disk is full', next: 'rm' },
    ])
  })
})

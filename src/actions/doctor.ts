import type { Clock } from '../adapters/clock.ts'
import { ClawError } from '../fleet/error.ts'
import { type Finding, type Fix, problem, type Tally, tallyOf, warning } from '../fleet/finding.ts'

/** One thing to look at. */
export type Check = {
  readonly id: string
  /** What it looks at, as it reads in "Cannot check ...". */
  readonly about: string
  /** Bound on the look, in milliseconds. */
  readonly timeoutMs: number
  readonly look: (signal: AbortSignal) => Promise<readonly Finding[]>
}

export type DoctorDeps = {
  /** The checks of the machine as it is now; asked again after something was put right. */
  readonly checks: () => Promise<readonly Check[]>
  readonly clock: Pick<Clock, 'sleep'>
  /** Puts one thing right. @returns what it did, or with `dryRun` what it would do, in a few words */
  readonly mend: (fix: Fix, dryRun: boolean) => Promise<string>
  readonly onProgress: (done: number, total: number) => void
}

/** A finding as it is reported; the keys are a public interface. */
export type Reported = Omit<Finding, 'fix'> & {
  /** What was done about it; it is gone. */
  readonly fixed?: string
  /** With `--dry-run`: what `--fix` would do. */
  readonly wouldFix?: string
}

export type DoctorResult = {
  /** Worst first; what was fixed comes after what was not. */
  readonly findings: readonly Reported[]
  /** Of what is left: what was fixed counts as `ok`. */
  readonly tally: Tally
}

/** What to do about findings: nothing, say what could be done, or do it. */
export type Remedy = 'none' | 'plan' | 'fix'

/**
 * Look at everything at once, put right what is safe when asked to, and look again at what was put right.
 *
 * A check that fails or takes too long is a finding like any other; it never keeps the rest from being told.
 */
export async function examine(deps: DoctorDeps, remedy: Remedy): Promise<DoctorResult> {
  const checks = await deps.checks()
  let done = 0
  const looks = await Promise.all(
    checks.map(async check => {
      const findings = await lookAt(check, deps.clock)
      deps.onProgress(++done, checks.length)
      return { check, findings }
    }),
  )
  const reported =
    remedy === 'none'
      ? looks.flatMap(look => look.findings.map(withoutFix))
      : await mendAll(deps, looks, remedy)
  return {
    findings: reported.toSorted((a, b) => rank(b) - rank(a)),
    tally: tallyOf(reported.map(each => (each.fixed === undefined ? each : { severity: 'ok' as const }))),
  }
}

type Look = { readonly check: Check; readonly findings: readonly Finding[] }

const RANKS = { ok: 0, note: 1, warning: 2, problem: 3 } as const
/** What was fixed is the least that is left to read. */
const rank = ({ severity, fixed }: Reported): number => (fixed === undefined ? RANKS[severity] : 0.5)

const withoutFix = ({ fix: _later, ...finding }: Finding): Reported => finding

async function lookAt(check: Check, clock: Pick<Clock, 'sleep'>): Promise<readonly Finding[]> {
  const { id, about, timeoutMs, look } = check
  const stop = new AbortController()
  const late = clock.sleep(timeoutMs, stop.signal).then((): readonly Finding[] => [
    warning(id, `Cannot check ${about}: it took longer than ${timeoutMs} ms`, {
      next: 'claw-doctor, once more',
    }),
  ])
  const work = new AbortController()
  try {
    return await Promise.race([look(work.signal), late])
  } catch (error) {
    return [failed(check, error)]
  } finally {
    late.catch(() => {}) // ended early: that is what stop does
    stop.abort()
    work.abort()
  }
}

function failed({ id, about }: Check, error: unknown): Finding {
  if (error instanceof ClawError) {
    const next = error.hint ?? 'do what the other findings say, then claw-doctor again'
    return warning(id, `Cannot check ${about}: ${error.message}`, { next })
  }
  const why = error instanceof Error ? error.message : String(error)
  return problem(id, `Cannot check ${about}: ${why}`, {
    next: 'this is a fault of claw-clan: please report it',
  })
}

async function mendAll(
  deps: DoctorDeps,
  looks: readonly Look[],
  remedy: 'plan' | 'fix',
): Promise<readonly Reported[]> {
  const done = new Map<string, Mended>()
  for (const fix of looks.flatMap(({ findings }) => findings.flatMap(({ fix }) => fix ?? []))) {
    const key = JSON.stringify(fix)
    // One after the other: two repairs may touch the same files.
    if (!done.has(key)) done.set(key, await mend(deps, fix, remedy === 'plan'))
  }
  const fresh = remedy === 'fix' && done.size > 0 ? await deps.checks() : []
  const reports = looks.map(async look => {
    const again = fresh.find(({ id }) => id === look.check.id)
    const hasFix = look.findings.some(({ fix }) => fix !== undefined)
    const after = hasFix && again !== undefined ? await lookAt(again, deps.clock) : look.findings
    return [
      ...look.findings.map(finding => reportOf(finding, after, done, remedy)),
      ...newlyFound(look.findings, after),
    ]
  })
  return (await Promise.all(reports)).flat()
}

type Mended =
  | { readonly kind: 'done'; readonly what: string }
  | { readonly kind: 'failed'; readonly why: string }

async function mend({ mend }: DoctorDeps, fix: Fix, dryRun: boolean): Promise<Mended> {
  try {
    return { kind: 'done', what: await mend(fix, dryRun) }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return { kind: 'failed', why: error.message }
  }
}

function reportOf(
  finding: Finding,
  after: readonly Finding[],
  done: ReadonlyMap<string, Mended>,
  remedy: 'plan' | 'fix',
): Reported {
  const plain = withoutFix(finding)
  const mended = finding.fix === undefined ? undefined : done.get(JSON.stringify(finding.fix))
  if (mended === undefined) return plain
  if (mended.kind === 'failed')
    return { ...plain, message: `${plain.message}; it could not be fixed: ${mended.why}` }
  if (remedy === 'plan') return { ...plain, wouldFix: mended.what }
  return after.some(each => isSame(each, finding)) ? plain : { ...plain, fixed: mended.what }
}

const isSame = (a: Finding, b: Finding): boolean =>
  a.id === b.id && a.severity === b.severity && a.message === b.message

/** What showed only after something else was put right. */
const newlyFound = (before: readonly Finding[], after: readonly Finding[]): readonly Reported[] =>
  after.filter(each => each.severity !== 'ok' && !before.some(old => isSame(old, each))).map(withoutFix)

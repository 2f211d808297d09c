// The result: one row per comparison. A ratio is always ours divided by theirs, so lower is better.

export type Row = {
  readonly part: string
  readonly what: string
  readonly ours: string
  /** What it is compared with, and its figure. */
  readonly against: string
  readonly ratio: number
  /** Highest ratio that is good enough; undefined where there is nothing to reach. */
  readonly goal?: number | undefined
}

export type Verdict = 'ok' | 'short' | ''

export const verdictOf = ({ ratio, goal }: Row): Verdict =>
  goal === undefined ? '' : ratio <= goal ? 'ok' : 'short'

export const ms = (value: number): string =>
  value < 10 ? `${value.toFixed(2)} ms` : `${Math.round(value)} ms`

const COLUMNS = ['part', 'what', 'ours', 'against', 'ratio', 'goal', 'verdict']

export function table(rows: readonly Row[]): string {
  const cells = [
    COLUMNS,
    ...rows.map(row => [
      row.part,
      row.what,
      row.ours,
      row.against,
      row.ratio.toFixed(2),
      row.goal === undefined ? '' : `<= ${row.goal.toFixed(2)}`,
      verdictOf(row),
    ]),
  ]
  const widths = COLUMNS.map((_, at) => Math.max(...cells.map(line => line[at]?.length ?? 0)))
  return cells
    .map(line =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export type Setting = {
  readonly node: string
  readonly cores: number
  readonly isQuick: boolean
  /** Load of the machine before and after. */
  readonly load: readonly number[]
  /** Parts that could not run here or failed, one line each. */
  readonly notes: readonly string[]
}

export function json(rows: readonly Row[], setting: Setting): string {
  const lines = rows.map(row => ({ ...row, goal: row.goal ?? null, verdict: verdictOf(row) || null }))
  return JSON.stringify({ schema: 1, ...setting, rows: lines }, null, 2)
}

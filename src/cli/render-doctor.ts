import type { DoctorResult, Remedy, Reported } from '../actions/doctor.ts'
import { printable } from '../fleet/text.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** What the flags ask for: `--dry-run` alone shows what `--fix` would do, too. */
export function remedyOf(options: { readonly fix?: boolean; readonly 'dry-run'?: boolean }): Remedy {
  if (options['dry-run'] === true) return 'plan'
  return options.fix === true ? 'fix' : 'none'
}

const STYLES = { problem: 'red', warning: 'yellow', note: 'cyan', ok: 'green' } as const
/** Width of the longest word before a message, and the gap behind it. */
const INDENT = ' '.repeat(9)

/** `claw-doctor`: one entry per finding, worst first, each with its next step; what is fine is counted. */
export function renderDoctor(
  { findings, tally }: DoctorResult,
  look: Look,
  { quiet, all }: { readonly quiet: boolean; readonly all: boolean },
): string {
  const loud = findings.filter(
    each => each.severity === 'warning' || each.severity === 'problem' || isMended(each),
  )
  if (quiet && loud.length === 0) return ''
  const shown = findings.filter(({ severity }) => all || severity !== 'ok')
  const lines = shown.flatMap(each => entry(each, look))
  const counts = (['problem', 'warning', 'note'] as const).flatMap(severity =>
    tally[severity] === 0 ? [] : [`${tally[severity]} ${severity}${tally[severity] === 1 ? '' : 's'}`],
  )
  const fine = `${tally.ok} ${tally.ok === 1 ? 'check is' : 'checks are'} fine`
  const summary = [...counts, fine].join(', ')
  return [...lines, ...(lines.length === 0 ? [] : ['']), summary].join('\n')
}

const isMended = ({ fixed, wouldFix }: Reported): boolean => fixed !== undefined || wouldFix !== undefined

function entry({ severity, message, next, fixed, wouldFix }: Reported, look: Look): readonly string[] {
  const word = fixed === undefined ? severity : 'fixed'
  const style = fixed === undefined ? STYLES[severity] : 'green'
  const wrapped = (text: string) => wrapIndented(printable(text).replaceAll('\n', ' '), look.columns, INDENT)
  const said = fixed === undefined ? message : `${message}: ${fixed}`
  const after =
    fixed !== undefined
      ? []
      : wouldFix === undefined
        ? steps(next)
        : [`--fix would: ${wouldFix}`, ...steps(next)]
  return [
    `${look.paint(style, word.padEnd(INDENT.length))}${wrapped(said)}`,
    ...after.map(text => `${INDENT}${wrapped(text)}`),
  ]
}

const steps = (next: string | null): readonly string[] => (next === null ? [] : [`next: ${next}`])

import { shellQuote } from './remote.ts'

/** Best first. `problem`: something does not work; `warning`: it will not, or is unsafe; `note`: worth knowing. */
export const SEVERITIES = ['ok', 'note', 'warning', 'problem'] as const

export type Severity = (typeof SEVERITIES)[number]

/** One file and the mode it should have. */
export type ModeChange = { readonly path: string; readonly mode: number }

/** What can be put right without asking: it touches only what is ours, and loses nothing. */
export type Fix =
  | { readonly kind: 'modes'; readonly files: readonly ModeChange[] }
  /** Temporary files that writers left when they were killed. */
  | { readonly kind: 'sweep'; readonly paths: readonly string[] }
  /** Make the clan key where there is none yet, or write its public half anew. */
  | { readonly kind: 'clan-key' }
  /** Write the public part of the identity again. */
  | { readonly kind: 'identity' }
  /** Launchers, links to them and links to the skills. */
  | { readonly kind: 'programs' }
  /** Write our job into the scheduler again. */
  | { readonly kind: 'schedule' }

/** What one check found: one line for the owner, and the exact next step where there is one. */
export type Finding = {
  /** Stable word for programs and skills: `clan-key`, `schedule`. Several findings may share it. */
  readonly id: string
  readonly severity: Severity
  readonly message: string
  readonly next: string | null
  readonly fix?: Fix
}

type Details = { readonly next?: string; readonly fix?: Fix }

const finding =
  (severity: Severity) =>
  (id: string, message: string, { next, fix }: Details = {}): Finding => ({
    id,
    severity,
    message,
    next: next ?? null,
    ...(fix === undefined ? {} : { fix }),
  })

export const fine = finding('ok')
export const note = finding('note')
export const warning = finding('warning')
export const problem = finding('problem')

/** How many findings there are of each severity. */
export type Tally = Readonly<Record<Severity, number>>

export function tallyOf(findings: readonly Pick<Finding, 'severity'>[]): Tally {
  const count = (severity: Severity) => findings.filter(each => each.severity === severity).length
  return { ok: count('ok'), note: count('note'), warning: count('warning'), problem: count('problem') }
}

/** A path or name as one word of a command line, quoted only where a shell would need it. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : shellQuote(text))

/** The first few of many, quoted: `"a", "b" and 3 more`. */
export function listed(items: readonly string[], shown = 3): string {
  const rest = items.length - shown
  const names = items.slice(0, shown).map(item => `"${item}"`)
  return rest > 0 ? `${names.join(', ')} and ${rest} more` : names.join(', ')
}

/** `1 file`, `3 files`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

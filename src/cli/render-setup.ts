import type { StepReport } from '../actions/offer.ts'
import type { SetupResult } from '../actions/setup.ts'
import { printable } from '../fleet/text.ts'
import { warning } from './render.ts'
import { HEADER } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

export type SetupView = SetupResult & { readonly home: string; readonly steps: readonly StepReport[] }

/** `claw-setup`: what was written, what was done, and what comes next. */
export function renderSetup(result: SetupView, look: Look): string {
  const { self, answers, home, steps } = result
  const rows = [
    ['gateway id', self.gatewayId],
    ['name', self.name],
    ['lead number', String(self.leadNumber)],
    ['ssh user', `${self.sshUser} (port ${self.sshPort})`],
    ['skills repo', self.githubRepo ?? 'none'],
    ['may be away', self.mayBeAway === undefined ? 'not said' : self.mayBeAway ? 'yes' : 'no'],
    ['restart allowed', answers.allowRestart ? 'yes' : 'no'],
    ['ntfy alerts', answers.ntfy ?? 'none'],
    ['clan key', `${self.clanKey ?? '(made at setup)'}${result.clanKeyCreated ? ' (new)' : ''}`],
    ['home', home],
    ['programs', `${home}/bin`],
  ]
  return [
    `${verb(result)} this machine as ${self.gatewayId}`,
    '',
    ...rows.map(([key = '', value = '']) => factLine(key, value, look)),
    ...result.warnings.map(text => warning(text, look)),
    ...(steps.length === 0 ? [] : ['', ...stepLines(steps, look)]),
    ...(result.dryRun ? [] : ['', ...nextLines(steps, look)]),
  ].join('\n')
}

const FACT_INDENT = ' '.repeat('restart allowed'.length + 2)

/** A long value is broken at spaces and never cut: a path is of no use without its end. */
const factLine = (key: string, value: string, look: Look): string =>
  look.paint(HEADER, key.padEnd(FACT_INDENT.length)) +
  wrapIndented(printable(value).replaceAll('\n', ' '), look.columns, FACT_INDENT)

function verb({ dryRun, firstTime, changed, settingsChanged }: SetupResult): string {
  if (dryRun) return 'Would set up'
  if (firstTime) return 'Set up'
  return changed || settingsChanged.length > 0 ? 'Changed' : 'Unchanged:'
}

const OUTCOMES = {
  done: { word: 'done', style: 'green' },
  already: { word: 'done', style: 'green' },
  declined: { word: 'not done', style: 'yellow' },
  open: { word: 'not done', style: 'yellow' },
  failed: { word: 'failed', style: 'red' },
} as const

/** One line per step, its note wrapped below itself. */
function stepLines(steps: readonly StepReport[], look: Look): readonly string[] {
  const width = Math.max(...steps.map(({ step }) => step.length))
  const indent = ' '.repeat(width + 2 + 'not done'.length + 2)
  return steps.map(({ step, outcome, note }) => {
    const { word, style } = OUTCOMES[outcome]
    const text = wrapIndented(printable(note).replaceAll('\n', ' '), look.columns, indent)
    return `${look.paint(HEADER, step.padEnd(width))}  ${look.paint(style, word)}${' '.repeat(10 - word.length)}${text}`
  })
}

/** What a machine needs beyond its setup, where nothing was offered. */
const LATER = ['claw-register start', 'claw-discover', 'claw-setup-ssh add USER HOST', 'claw-setup schedule']
const PURPOSES: readonly (readonly [RegExp, string])[] = [
  [/^claw-register start/, 'keep this machine announced'],
  [/^claw-discover/, 'see who else is there'],
  [/^claw-setup-ssh add/, 'enrol a machine'],
  [/^claw-setup-ssh check/, 'ask every machine over SSH'],
  [/^claw-setup schedule/, 'ping the fleet by schedule'],
  [/^claw-setup --replace-bash/, "put ours in the bash version's place"],
]

function nextLines(steps: readonly StepReport[], look: Look): readonly string[] {
  const open = [...new Set(steps.flatMap(({ next }) => next ?? []))]
  const commands = steps.length === 0 ? LATER : open
  if (commands.length === 0) return ['Next: claw-status shows the fleet']
  const width = Math.max(...commands.map(command => command.length))
  return [
    'Next, with the folder of programs on your PATH:',
    ...commands.map(command => {
      const [, purpose] = PURPOSES.find(([pattern]) => pattern.test(command)) ?? []
      const text = `  ${printable(command).padEnd(width)}`
      return purpose === undefined ? text.trimEnd() : `${text}  ${look.paint(HEADER, purpose)}`
    }),
  ]
}

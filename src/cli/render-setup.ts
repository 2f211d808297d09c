import type { SetupResult } from '../actions/setup.ts'
import { warning } from './render.ts'
import { type Cell, HEADER, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** `claw-setup`: what was written, and what comes next. */
export function renderSetup(result: SetupResult & { readonly home: string }, look: Look): string {
  const { self, answers, home } = result
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
  ].map(([key = '', value = '']): Cell[] => [{ text: key, style: HEADER }, { text: value }])
  return [
    `${verb(result)} this machine as ${self.gatewayId}`,
    '',
    renderTable(rows, look, [1]),
    ...result.warnings.map(text => warning(text, look)),
  ].join('\n')
}

function verb({ dryRun, firstTime, changed, settingsChanged }: SetupResult): string {
  if (dryRun) return 'Would set up'
  if (firstTime) return 'Set up'
  return changed || settingsChanged.length > 0 ? 'Changed' : 'Unchanged:'
}

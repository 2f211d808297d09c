import type { UpdatedPeer } from '../actions/remote-install-all.ts'
import type { InstallStep, RemoteInstall } from '../actions/remote-installation.ts'
import { printable } from '../fleet/text.ts'
import { header, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>
type Style = Parameters<Terminal['paint']>[0]

const STYLES: Readonly<Record<InstallStep['result'], Style>> = {
  ok: 'green',
  unchanged: 'green',
  skipped: 'gray',
  finding: 'yellow',
  would: 'cyan',
}

/** `claw-remote-install USER HOST`: what was verified, one line per step. */
export function renderInstall(result: RemoteInstall, look: Look): string {
  const { gatewayId, host, version, previous, firstInstall, dryRun, steps } = result
  const verb = firstInstall ? 'Installed' : previous === version ? 'Verified' : 'Updated'
  const head = dryRun ? 'Nothing was changed; this would be done on' : `${verb} ${version} on`
  return [printable(`${head} ${gatewayId} (${host})`), '', ...steps.map(step => stepLine(step, look))].join(
    '\n',
  )
}

function stepLine({ step, result, detail }: InstallStep, { columns, paint }: Look): string {
  const start = `  ${step.padEnd(10)}  `
  const indent = ' '.repeat(start.length + 'unchanged  '.length)
  const text = wrapIndented(printable(detail), columns, indent)
  return `${start}${paint(STYLES[result], result.padEnd(9))}  ${text}`
}

const STATES: Readonly<Record<UpdatedPeer['state'], Style>> = {
  updated: 'green',
  unchanged: 'green',
  planned: 'cyan',
  offline: 'gray',
  'left out': 'gray',
  failed: 'red',
  'not tried': 'yellow',
}

/** `claw-remote-install all`. */
export function renderUpdates(
  { version, peers, dryRun }: { version: string; peers: readonly UpdatedPeer[]; dryRun: boolean },
  look: Look,
): string {
  if (peers.length === 0) return 'No machine is enrolled yet.\n  next: claw-remote-install USER HOST'
  const rows = peers.map(({ gatewayId, state, install }) => [
    { text: gatewayId },
    { text: state, style: STATES[state] },
    { text: install === null ? '' : summaryOf(install) },
  ])
  const notes = peers.flatMap(({ gatewayId, reason, next }) => [
    ...(reason === null ? [] : [noteLine('!', `${gatewayId}: ${reason}`, look)]),
    ...(next === null ? [] : [noteLine(' ', `next: ${next}`, look)]),
  ])
  const findings = peers.flatMap(({ gatewayId, install }) =>
    (install?.steps ?? [])
      .filter(({ result }) => result === 'finding')
      .map(({ step, detail }) => noteLine('!', `${gatewayId}: ${step}: ${detail}`, look)),
  )
  return [
    dryRun ? `Nothing was changed; ${version} would be put on:` : `Brought to ${version}:`,
    '',
    renderTable([header('MACHINE', 'RESULT', 'DETAIL'), ...rows], look, [2]),
    ...findings,
    ...notes,
  ].join('\n')
}

const noteLine = (mark: string, text: string, { columns }: Look): string =>
  `${mark} ${wrapIndented(printable(text), columns - 2, '    ')}`

function summaryOf({ previous, version, steps }: RemoteInstall): string {
  const test = steps.find(({ step }) => step === 'self-test')?.detail ?? ''
  const was = previous === null || previous === version ? '' : `was ${previous}`
  return [test, was].filter(part => part !== '').join(', ')
}

import type { CheckedPeer } from '../actions/check-ssh.ts'
import { printable } from '../fleet/text.ts'
import { header, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

export type CheckDocument = {
  readonly clanKey: string
  readonly clanKeyMade: boolean
  readonly peers: readonly CheckedPeer[]
}

/** `claw-setup-ssh check`: a line per peer; below, for each that did not answer, what was seen and what to do. */
export function renderCheck({ clanKey, clanKeyMade, peers }: CheckDocument, look: Look): string {
  const key = `Clan key ${clanKey}${clanKeyMade ? ' (made now)' : ''}`
  if (peers.length === 0) {
    return [
      key,
      '',
      'No peer is enrolled yet.',
      '  next: claw-discover, then claw-setup-ssh add USER HOST',
    ].join('\n')
  }
  const rows = peers.map(({ gatewayId, outcome, reason }) => [
    { text: gatewayId },
    { text: outcome, style: outcome === 'ack' ? 'green' : outcome === 'miss' ? 'red' : 'gray' } as const,
    { text: reason ?? '' },
  ])
  const table = renderTable([header('MACHINE', 'PROBE', 'REASON'), ...rows], look, [0])
  return [key, '', table, ...peers.flatMap(peer => adviceLines(peer, look))].join('\n')
}

function adviceLines({ gatewayId, detail, next }: CheckedPeer, look: Look): readonly string[] {
  if (next === null) return []
  const wrapped = (text: string, indent: string) =>
    wrapIndented(printable(text).replaceAll('\n', ' '), look.columns, indent)
  return [
    '',
    printable(gatewayId),
    ...(detail === null ? [] : [`  ${wrapped(detail, '  ')}`]),
    `  next: ${wrapped(next, '        ')}`,
  ]
}

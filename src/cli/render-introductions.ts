import type { ReverseProof } from '../actions/enrolment.ts'
import type { Introduction } from '../actions/introduce-pairs.ts'
import { printable } from '../fleet/text.ts'
import { type Cell, header, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** Who reaches the newcomer and whom it reaches: one line per machine that was here before, then what to do. */
export function introductionLines(
  newcomer: string,
  introductions: readonly Introduction[],
  look: Look,
): readonly string[] {
  if (introductions.length === 0) return []
  const rows = introductions.map(one => [
    { text: `  ${one.gatewayId}` },
    legCell(one.reaches),
    legCell(one.isReached),
    { text: noteOf(one) },
  ])
  const table = renderTable([header('  MACHINE', 'REACHES IT', 'IT REACHES', 'NOTE'), ...rows], look, [3, 0])
  const steps = new Set(introductions.flatMap(nextSteps))
  return [
    '',
    printable(`${newcomer} and the other machines:`),
    table,
    ...[...steps].map(step =>
      look.paint('yellow', `  ${wrapIndented(printable(`next: ${step}`), look.columns, '    ')}`),
    ),
  ]
}

function legCell(leg: ReverseProof | null): Cell {
  if (leg === null) return { text: '-', style: 'gray' }
  const { outcome, reason } = leg
  if (outcome === 'ack') return { text: 'yes', style: 'green' }
  if (outcome === 'off') return { text: '-', style: 'gray' }
  return { text: reason ?? outcome, style: outcome === 'miss' ? 'red' : 'yellow' }
}

function noteOf({ state, reason, isReached, reaches }: Introduction): string {
  if (state === 'pending') return `waits: ${reason ?? ''}`
  if (state === 'refused') return `refused: ${reason ?? ''}`
  if (state === 'off') return reason ?? ''
  const off = [isReached, reaches].find(leg => leg?.outcome === 'off')
  return off?.reason ?? ''
}

function nextSteps({ gatewayId, state, reason, isReached, reaches }: Introduction): readonly string[] {
  if (state === 'refused') return [`${gatewayId} refused: ${reason ?? ''}`]
  if (state === 'pending') return ['what waits is done at next contact; "claw-setup-ssh pending" tries now']
  return [reaches, isReached].flatMap(leg => leg?.next ?? [])
}

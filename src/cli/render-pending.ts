import type { PendingItem, ShownPending } from '../fleet/pending.ts'
import { printable } from '../fleet/text.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** One line per piece of work that waits, and how it gets done. */
export function pendingLines(items: readonly ShownPending[], look: Look): readonly string[] {
  if (items.length === 0) return []
  const shown = items.slice(0, MAX_SHOWN).map(item => {
    const why = item.lastError === null ? '' : `: ${item.lastError}`
    return `  - ${wrapIndented(printable(`${deed(item)}${why}`), look.columns, '    ')}`
  })
  const rest = items.length - shown.length
  return [
    look.paint('yellow', `${items.length} thing${items.length === 1 ? '' : 's'} waiting for other machines:`),
    ...shown,
    ...(rest > 0 ? [`  and ${rest} more: claw-setup-ssh pending --dry-run --json`] : []),
    '  done when they answer again; "claw-setup-ssh pending" tries now',
  ]
}

const MAX_SHOWN = 10

const deed = ({ kind, gatewayId, about }: Pick<PendingItem, 'kind' | 'gatewayId' | 'about'>): string =>
  kind === 'introduce'
    ? `introduce ${about} and ${gatewayId} to each other`
    : `have ${gatewayId} ${kind} ${about}`

/** A piece of work that waited and is done now. */
export const doneLine = ({
  kind,
  gatewayId,
  about,
}: Pick<PendingItem, 'kind' | 'gatewayId' | 'about'>): string =>
  kind === 'introduce'
    ? `${about} and ${gatewayId} know each other now`
    : `${gatewayId} has ${kind === 'forget' ? 'forgotten' : 'revoked'} ${about}`

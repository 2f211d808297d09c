import type { Settled } from '../actions/settle-pending.ts'
import type { Departure, Told } from '../actions/tell-fleet.ts'
import type { ShownPending } from '../fleet/pending.ts'
import { printable } from '../fleet/text.ts'
import { doneLine, pendingLines } from './render-pending.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** What `forget` and `revoke` print as `--json`; the keys are a public interface. */
export type DepartureDocument = Departure & {
  readonly self: string
  readonly everywhere: boolean
  /** With `--dry-run`: who would be told. */
  readonly wouldTell: readonly string[]
  readonly dryRun: boolean
}

/** `claw-setup-ssh forget`. */
export function renderForgotten(result: DepartureDocument, look: Look): string {
  const { gatewayId, self, dryRun, told, itself, wouldTell } = result
  const gone = goneHere(result)
  if (dryRun) {
    return [`Would forget ${gatewayId}: remove ${gone}`, ...wouldTell.map(id => `  and on ${id}`)].join('\n')
  }
  const farewell =
    itself?.state === 'done'
      ? [`  ${gatewayId} itself forgot this machine and the others`]
      : [`  next: run "claw-setup-ssh forget ${self}" there, so that it forgets this machine too`]
  return [`Forgot ${gatewayId}: removed ${gone}`, ...told.map(one => toldLine(one, look)), ...farewell].join(
    '\n',
  )
}

/** `claw-setup-ssh revoke`. */
export function renderRevoked(result: DepartureDocument, look: Look): string {
  const { gatewayId, dryRun, told, wouldTell, everywhere } = result
  const gone = goneHere(result)
  if (dryRun) {
    return [`Would revoke ${gatewayId}: remove ${gone}`, ...wouldTell.map(id => `  and on ${id}`)].join('\n')
  }
  return [
    `Revoked ${gatewayId}: removed ${gone}`,
    ...told.map(one => toldLine(one, look)),
    ...(everywhere ? [] : ['  other machines still let it in: --everywhere tells them']),
    '  it comes back only when you add it again',
  ].join('\n')
}

function goneHere({ record, hostKey, authorizedKey }: Departure): string {
  const parts = [
    record ? 'its record' : '',
    hostKey ? 'its host key' : '',
    authorizedKey ? 'its key in authorized_keys' : '',
  ]
  return parts.filter(part => part !== '').join(', ') || 'nothing that was still here'
}

const WORDS = { done: 'done', pending: 'waits for contact', refused: 'refused' } as const

const toldLine = ({ gatewayId, state, reason }: Told, { columns }: Look): string => {
  const line = `on ${gatewayId}: ${WORDS[state]}${reason === null ? '' : `: ${reason}`}`
  return `  ${wrapIndented(printable(line), columns, '    ')}`
}

/** `claw-setup-ssh pending`. */
export function renderPending(
  { settled, pending }: { readonly settled: readonly Settled[]; readonly pending: readonly ShownPending[] },
  look: Look,
): string {
  const made = settled.filter(({ state }) => state === 'done')
  const lines = made.map(doneLine)
  const left = pending.length === 0 ? ['Nothing waits.'] : pendingLines(pending, look)
  return [...lines, ...left].join('\n')
}

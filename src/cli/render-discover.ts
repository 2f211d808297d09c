import type { DiscoverResult } from '../actions/discover.ts'
import { printable } from '../fleet/text.ts'
import { warning } from './render.ts'
import { type Cell, header, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'

const KNOWN_STYLE = { self: 'cyan', enrolled: 'green', candidate: 'yellow', conflict: 'red' } as const

/** `claw-discover`: who was heard, what we make of each, and how to enrol the new ones. */
export function renderDiscover(result: DiscoverResult, look: Pick<Terminal, 'columns' | 'paint'>): string {
  const { found, gateways, warnings } = result
  const rows = found.map((machine): Cell[] => [
    { text: machine.leadNumber === 0 ? '-' : String(machine.leadNumber) },
    { text: machine.gatewayId },
    { text: machine.name },
    { text: `${machine.ip}${machine.port === 22 ? '' : `:${machine.port}`}` },
    { text: machine.version },
    { text: machine.known, style: KNOWN_STYLE[machine.known] },
  ])
  const titles = header('LEAD', 'MACHINE', 'NAME', 'ADDRESS', 'VERSION', 'KNOWN AS')
  const candidate = found.find(machine => machine.known === 'candidate')
  const port = candidate === undefined || candidate.port === 22 ? '' : ` --port ${candidate.port}`
  const seconds = (result.durationMs / 1000).toFixed(1)
  return [
    ...(found.length === 0 ? [] : [renderTable([titles, ...rows], look, [2, 1]), '']),
    `${found.length === 0 ? 'No claw-clan machine' : `${found.length} found`} in ${seconds} s`,
    ...gateways.map(
      ({ name, ip, port: at }) => `OpenClaw gateway, not enrolled: ${printable(name)} at ${ip}:${at}`,
    ),
    ...warnings.map(text => warning(text, look)),
    ...(candidate === undefined ? [] : [`  next: claw-setup-ssh add USER ${candidate.ip}${port}`]),
  ].join('\n')
}

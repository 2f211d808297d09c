import type { PingedPeer, PingResult } from '../actions/ping.ts'
import type { LastRound, StatusResult } from '../actions/status.ts'
import type { Peer } from '../fleet/peer.ts'
import { printable } from '../fleet/text.ts'
import { pendingLines } from './render-pending.ts'
import { type Cell, header, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

const STATUS_STYLE = { online: 'green', unresponsive: 'yellow', offline: 'red', unknown: 'gray' } as const
/** A time span in the one or two units a person would say: `45 s`, `12 min`, `3 h`, `5 d`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** One thing the owner should know, wrapped to the terminal. */
export const warning = (text: string, look: Look): string =>
  look.paint('yellow', `! ${wrapIndented(printable(text), look.columns, '  ')}`)

/** `claw-ping`: who answered, what changed, who leads. */
export function renderPing(result: PingResult, look: Look, quiet = false): string {
  if (quiet && !isNews(result)) return ''
  if (result.peers.length === 0)
    return 'No peer is enrolled yet.\n  next: claw-discover, then claw-setup-ssh add USER HOST'
  const rows = result.peers.map(peer => [
    { text: peer.leadNumber === 0 ? '-' : String(peer.leadNumber) },
    { text: `${peer.gatewayId}${peer.gatewayId === result.leader ? ' *' : ''}` },
    {
      text: peer.outcome,
      style: peer.outcome === 'ack' ? 'green' : peer.outcome === 'miss' ? 'red' : 'gray',
    } as const,
    { text: peer.status, style: STATUS_STYLE[peer.status] },
    { text: peer.responseMs === null ? '' : `${peer.responseMs} ms` },
    { text: pingNote(peer) },
  ])
  const answered = result.peers.filter(peer => peer.outcome === 'ack').length
  const seconds = (result.durationMs / 1000).toFixed(1)
  return [
    renderTable([header('LEAD', 'MACHINE', 'PROBE', 'STANDING', 'TIME', 'NOTE'), ...rows], look, [5, 1]),
    '',
    `${answered} of ${result.peers.length} answered in ${seconds} s; ${leaderLine(result.leader, result.self.gatewayId)}`,
    ...(result.selfSuspect ? [look.paint('yellow', SUSPECT)] : []),
    ...result.peers.flatMap(peer => keyNotice(peer, look)),
    ...result.damaged.map(text => warning(text, look)),
  ].join('\n')
}

/** Worth a line under `--quiet`: a change, or something a person must mend. */
const isNews = ({ peers, selfSuspect, damaged }: PingResult): boolean =>
  selfSuspect || damaged.length > 0 || peers.some(peer => peer.change !== 'none' || peer.outcome === 'unmade')

const SUSPECT = 'Everybody missed and our own network does not answer: nobody was blamed, no standing changed'

function pingNote({ reason, change, missedPings }: PingedPeer): string {
  const news = change === 'none' ? '' : change.replace('-', ' ')
  const why = reason ?? ''
  const count = missedPings > 1 ? `${missedPings} misses` : ''
  return [news, why, count].filter(part => part !== '').join(', ')
}

/** A changed host key needs both fingerprints in front of the owner, unabridged. */
function keyNotice({ gatewayId, reason, detail }: PingedPeer, look: Look): readonly string[] {
  if (reason !== 'host-key-changed' || detail === null) return []
  const next = `  next: if that machine was reinstalled, claw-setup-ssh trust ${gatewayId}; if not, stay away from it`
  return [look.paint('red', `${gatewayId}: ${printable(detail)}`), next]
}

const leaderLine = (leader: string | null, self: string): string =>
  leader === null ? 'nobody leads' : leader === self ? `${leader} leads (this machine)` : `${leader} leads`

/** `claw-status`: the fleet at a glance, the age of what is said first. */
export function renderStatus(status: StatusResult, look: Look): string {
  const { self, leader, peers, lastRound, pending, revoked, warnings } = status
  const own: Cell[] = [
    { text: self.leadNumber === 0 ? '-' : String(self.leadNumber) },
    { text: `${self.gatewayId}${self.gatewayId === leader ? ' *' : ''}` },
    { text: self.name },
    { text: 'this machine', style: 'cyan' },
    { text: '' },
    { text: '' },
  ]
  const rows = peers.map((peer): Cell[] => [
    { text: peer.leadNumber === 0 ? '-' : String(peer.leadNumber) },
    { text: `${peer.gatewayId}${peer.gatewayId === leader ? ' *' : ''}` },
    { text: peer.name },
    standing(peer),
    { text: peer.lastSeen === null ? 'never' : peer.lastSeen.replace('T', ' ').slice(0, 16) },
    { text: peerNote(peer) },
  ])
  return [
    `${roundLine(lastRound, peers.length)}; ${leaderLine(leader, self.gatewayId)}`,
    '',
    renderTable(
      [header('LEAD', 'MACHINE', 'NAME', 'STANDING', 'LAST SEEN (UTC)', 'NOTE'), own, ...rows],
      look,
      [5, 2, 1],
    ),
    ...(peers.length === 0
      ? ['', 'No peer is enrolled yet.', '  next: claw-discover, then claw-setup-ssh add USER HOST']
      : []),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map(text => warning(text, look))]),
    ...(pending.length === 0 ? [] : ['', ...pendingLines(pending, look)]),
    ...(revoked.length === 0 ? [] : ['', revokedLine(revoked, look)]),
  ].join('\n')
}

function revokedLine(revoked: StatusResult['revoked'], look: Look): string {
  const names = revoked.map(({ gatewayId, revokedAt }) => `${gatewayId} (${revokedAt.slice(0, 10)})`)
  return wrapIndented(`Revoked: ${names.join(', ')}`, look.columns, '  ')
}

function roundLine(last: LastRound | null, peers: number): string {
  if (last === null) return peers === 0 ? 'Nothing to ping yet' : 'Never pinged'
  return `Last ping round ${span(last.ageSeconds)} ago${last.stale ? ' (stale)' : ''}`
}

function standing(peer: Peer & { readonly stale: boolean }): Cell {
  const away = peer.status === 'offline' && peer.mayBeAway === true ? ' (away is normal)' : ''
  const text = `${peer.status}${away}${peer.stale && peer.status !== 'unknown' ? ' (stale)' : ''}`
  return { text, style: peer.stale ? 'gray' : STATUS_STYLE[peer.status] }
}

function peerNote(peer: Peer): string {
  const parts = [
    peer.reason ?? '',
    peer.missedPings > 1 ? `${peer.missedPings} misses` : '',
    peer.status === 'online' && peer.responseMs !== undefined ? `${peer.responseMs} ms` : '',
    peer.oneWay === true ? 'one-way' : '',
  ]
  return parts.filter(part => part !== '').join(', ')
}

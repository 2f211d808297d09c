import type { StartResult, StopResult } from '../actions/keep-announced.ts'
import type { AnnouncementState } from '../fleet/announcement-state.ts'
import { printable } from '../fleet/text.ts'
import { warning } from './render.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** What `--dry-run` would write. */
export type JobPlan = {
  readonly dryRun: true
  readonly manager: 'launchd' | 'systemd'
  readonly file: string
  readonly text: string
}

const FROM: Readonly<Record<AnnouncementState['startsAt'], string>> = {
  boot: 'at boot, and whenever it ends',
  login: 'when you log in, and whenever it ends',
  never: 'not by itself',
}

/** `claw-register status`. */
export function renderAnnouncement(state: AnnouncementState, look: Look): string {
  const { announced, heardAt, process, manager, job, startsAt, warnings, next } = state
  const row = (title: string, text: string) => `  ${title.padEnd(9)} ${printable(text)}`
  const pid = process === null ? 'none' : `${process.pid ?? 'does not answer'}`
  const since = process?.since ?? null
  return [
    announced
      ? look.paint('green', `${state.gatewayId} is announced: heard at ${heardAt.join(', ')}`)
      : look.paint('red', `${state.gatewayId} is not announced`),
    row('process', `${pid}${since === null ? '' : `, since ${since}`}`),
    row('starts', `${FROM[startsAt]}${job?.installed === true ? ` (${manager})` : ''}`),
    ...(job?.installed === true ? [row('job', job.file)] : []),
    ...warnings.map(text => warning(text, look)),
    ...(next === null ? [] : [`  next: ${wrapIndented(printable(next), look.columns, '        ')}`]),
  ].join('\n')
}

/** `claw-register start` and `restart`. */
export function renderStart(result: StartResult | JobPlan, look: Look): string {
  return 'dryRun' in result ? renderPlan(result) : renderAnnouncement(result, look)
}

/** `claw-register stop`. */
export function renderStop({ stopped, process }: StopResult): string {
  const first = stopped ? 'Stopped; it does not come back at boot' : 'Nothing to stop'
  if (process === null) return first
  const who = process.pid === null ? 'A process that does not answer' : `Process ${process.pid}`
  return `${first}\n${who} announces this machine all the same:\nend it where it was started`
}

export const renderPlan = ({ manager, file, text }: JobPlan): string =>
  `Would write ${printable(file)} and have ${manager} run it:\n\n${printable(text).trimEnd()}`

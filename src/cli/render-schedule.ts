import type { ScheduleResult, UnscheduleResult } from '../actions/schedule.ts'
import { printable } from '../fleet/text.ts'
import { warning } from './render.ts'
import type { Terminal } from './terminal.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** `claw-setup schedule`: how often, by what, whether it was seen to work; the lines themselves before they are written. */
export function renderSchedule(result: ScheduleResult, look: Look): string {
  const { everyMinutes, wantedMinutes, scheduler, where, lines, removed, dryRun, warnings } = result
  const rounded =
    everyMinutes === wantedMinutes
      ? []
      : [`${wantedMinutes} min does not fit evenly into a day: ${scheduler} keeps ${everyMinutes} min`]
  return [
    `${headline(result)} every ${everyMinutes} min by ${scheduler}${dryRun ? '' : proofOf(result)}`,
    ...removed.map(kind => `${dryRun ? 'Would remove' : 'Removed'} the older job from ${kind}`),
    ...[...rounded, ...warnings].map(text => warning(text, look)),
    ...(dryRun ? ['', `Would be in ${printable(where)}:`, ...lines.map(line => `  ${printable(line)}`)] : []),
    ...(dryRun ? [] : ['', `See it: ${lookAt(result)}`]),
  ].join('\n')
}

function headline({ dryRun, changed }: ScheduleResult): string {
  if (dryRun) return changed ? 'Would schedule pings' : 'Nothing to change: pings'
  return changed ? 'Scheduled pings' : 'Scheduled already: pings'
}

const proofOf = ({ run }: ScheduleResult): string =>
  ({ seen: '; the first run came', 'not-seen': '; NO run came', 'not-awaited': '' })[run]

const lookAt = ({ scheduler, where }: ScheduleResult): string =>
  scheduler === 'cron' ? 'crontab -l | grep claw-clan' : printable(where)

/** `claw-setup unschedule`: from where it was removed. */
export function renderUnschedule({ removed, dryRun, warnings }: UnscheduleResult, look: Look): string {
  const where = removed.join(' and ')
  const done = dryRun ? `Would remove the pings from ${where}` : `Removed the pings from ${where}`
  return [
    removed.length === 0 ? 'No pings are scheduled' : done,
    ...warnings.map(text => warning(text, look)),
  ].join('\n')
}

import { expect, test } from 'vitest'
import type { ScheduleResult } from '../../../src/actions/schedule.ts'
import { renderSchedule, renderUnschedule } from '../../../src/cli/render-schedule.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }
const aResult = (facts: Partial<ScheduleResult> = {}): ScheduleResult => ({
  scheduler: 'cron',
  everyMinutes: 15,
  wantedMinutes: 15,
  where: 'crontab',
  lines: ['7,22,37,52 * * * * x # claw-clan mini ping'],
  changed: true,
  removed: [],
  run: 'seen',
  warnings: [],
  dryRun: false,
  ...facts,
})

test('what was scheduled, that it was seen to work, and where to look', () => {
  expect(renderSchedule(aResult(), look)).toBe(
    'Scheduled pings every 15 min by cron; the first run came\n\nSee it: crontab -l | grep claw-clan',
  )
})

test('an interval that cron cannot keep is said with the one it keeps', () => {
  const text = renderSchedule(aResult({ everyMinutes: 24, wantedMinutes: 25, run: 'not-awaited' }), look)

  expect(text).toContain('every 24 min by cron\n')
  expect(text).toContain('! 25 min does not fit evenly into a day: cron keeps 24 min')
})

test('a run that did not come stands in the first line, and why in the next', () => {
  const text = renderSchedule(aResult({ run: 'not-seen', warnings: ['cron is not running here'] }), look)

  expect(text).toMatch(/^Scheduled pings every 15 min by cron; NO run came\n! cron is not running here\n/)
})

test('a dry run shows the exact lines, control characters made visible', () => {
  const lines = ['7 * * * * \u001b[2J # claw-clan mini ping']

  expect(renderSchedule(aResult({ dryRun: true, lines, removed: ['systemd'] }), look)).toBe(
    [
      'Would schedule pings every 15 min by cron',
      'Would remove the older job from systemd',
      '',
      'Would be in crontab:',
      '  7 * * * * \\x1b[2J # claw-clan mini ping',
    ].join('\n'),
  )
})

test('unscheduling says from where', () => {
  const nothing = { removed: [], warnings: [], dryRun: false }

  expect(renderUnschedule(nothing, look)).toBe('No pings are scheduled')
  expect(renderUnschedule({ ...nothing, removed: ['cron', 'systemd'] }, look)).toBe(
    'Removed the pings from cron and systemd',
  )
})

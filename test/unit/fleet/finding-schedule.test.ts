import { expect, test } from 'vitest'
import { judgeSchedule, type ScheduleFacts } from '../../../src/fleet/finding-schedule.ts'

const lastRun = { startedAt: '2026-11-20T11:50:00Z', stale: false, failed: null }
const state: ScheduleFacts = {
  ...{ scheduler: 'cron', installed: true, matches: true, where: 'crontab', everyMinutes: 15 },
  ...{ daemonRunning: true, caveat: null, lastRun, others: [] },
}

test.each<[string, Partial<ScheduleFacts>, readonly (readonly [string, string | null])[]]>([
  ['it pings', {}, [['ok', null]]],
  ['nobody can tell whether cron runs', { daemonRunning: null }, [['ok', null]]],
  ['none is wanted', { scheduler: 'none', installed: false }, [['note', 'claw-setup schedule']]],
  ['nothing is there', { installed: false }, [['problem', 'claw-setup schedule']]],
  ['it was changed', { matches: false }, [['warning', 'claw-setup schedule']]],
  [
    'cron does not run',
    { daemonRunning: false, lastRun: null },
    [['problem', 'sudo systemctl enable --now cron']],
  ],
  ['no run yet', { lastRun: null }, [['note', 'read logs/ping.log, then claw-setup schedule']]],
  [
    'none for a long time',
    { lastRun: { ...lastRun, stale: true } },
    [['problem', 'read logs/ping.log, then claw-setup schedule']],
  ],
  ['the last one failed', { lastRun: { ...lastRun, failed: 'no key' } }, [['warning', 'claw-ping, by hand']]],
  ['another scheduler pings, too', { others: ['systemd'] }, [['warning', 'claw-setup schedule']]],
  ['only at login', { caveat: 'Only while you are logged in' }, [['note', null]]],
])('%s', (_what, change, findings) => {
  const judged = judgeSchedule({ state: { ...state, ...change }, hasPeers: true, platform: 'linux' })

  expect(judged.map(({ severity, next }) => [severity, next])).toEqual(findings)
})

test('only a job of ours that was changed is put back', () => {
  const fixes = (change: Partial<ScheduleFacts>) =>
    judgeSchedule({ state: { ...state, ...change }, hasPeers: true, platform: 'linux' }).flatMap(
      ({ fix }) => fix ?? [],
    )

  expect(fixes({ matches: false })).toEqual([{ kind: 'schedule' }])
  expect(fixes({ installed: false, matches: false })).toEqual([])
})

test('with nobody to ping nothing is a problem', () => {
  const changes = [{ installed: false }, { daemonRunning: false }, { lastRun: { ...lastRun, stale: true } }]

  const severities = changes.flatMap(change =>
    judgeSchedule({ state: { ...state, ...change }, hasPeers: false, platform: 'linux' }).map(
      each => each.severity,
    ),
  )

  expect(severities).toEqual(['note', 'warning', 'note'])
})

test('on a Mac cron that starts nothing points to Full Disk Access', () => {
  const [finding] = judgeSchedule({ state: { ...state, lastRun: null }, hasPeers: true, platform: 'darwin' })

  expect(finding?.next).toContain('Full Disk Access')
})

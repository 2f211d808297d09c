import { expect, test } from 'vitest'
import { renderAnnouncement, renderPlan, renderStop } from '../../../src/cli/render-register.ts'
import type { AnnouncementState } from '../../../src/fleet/announcement-state.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }

const state = (facts: Partial<AnnouncementState> = {}): AnnouncementState => ({
  gatewayId: 'studio',
  announced: true,
  heardAt: ['10.0.0.1', '192.168.1.2'],
  process: { pid: 42, since: '2026-11-20T10:00:00.000Z' },
  manager: 'systemd',
  job: {
    file: '/home/a/.config/systemd/user/claw-clan-mdns.service',
    installed: true,
    current: true,
    pid: 42,
    lastExitCode: null,
  },
  startsAt: 'boot',
  warnings: [],
  next: null,
  ...facts,
})

test('an announcement that is as it should be takes four lines', () => {
  expect(renderAnnouncement(state(), look)).toBe(`studio is announced: heard at 10.0.0.1, 192.168.1.2
  process   42, since 2026-11-20T10:00:00.000Z
  starts    at boot, and whenever it ends (systemd)
  job       /home/a/.config/systemd/user/claw-clan-mdns.service`)
})

test('what is wrong fits 80 columns, with its next step, and nothing moves the cursor', () => {
  const text = renderAnnouncement(
    state({
      announced: false,
      process: { pid: null, since: null },
      job: null,
      startsAt: 'never',
      warnings: [
        `Process 42 announces it, and whether it is heard cannot be told: \u001b[2J${'x '.repeat(40)}`,
      ],
      next: `allow "node" under System Settings > Privacy & Security > Local Network ${'y '.repeat(20)}`,
    }),
    look,
  )

  expect(text).toContain(
    'studio is not announced\n  process   does not answer\n  starts    not by itself\n! Process 42',
  )
  expect(text).toContain('\\x1b[2J')
  expect(text).not.toContain('\u001b')
  expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(80)
})

test.each([
  { stopped: true, process: null, text: 'Stopped; it does not come back at boot' },
  { stopped: false, process: null, text: 'Nothing to stop' },
  {
    stopped: false,
    process: { pid: 7 },
    text: 'Nothing to stop\nProcess 7 announces this machine all the same:\nend it where it was started',
  },
  {
    stopped: true,
    process: { pid: null },
    text: `Stopped; it does not come back at boot
A process that does not answer announces this machine all the same:
end it where it was started`,
  },
])('stop tells $text', ({ text, ...result }) => {
  expect(renderStop(result)).toBe(text)
})

test('a dry run shows what would be written where', () => {
  const plan = { dryRun: true, manager: 'launchd', file: '/a/b.plist', text: '<plist/>\n' } as const

  expect(renderPlan(plan)).toBe('Would write /a/b.plist and have launchd run it:\n\n<plist/>')
})

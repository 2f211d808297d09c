import { describe, expect, test } from 'vitest'
import {
  type AnnouncementFacts,
  announcementState,
  type JobFacts,
} from '../../../src/fleet/announcement-state.ts'
import type { Sighting } from '../../../src/fleet/service.ts'
import { anIdentity, id } from '../../support/builders.ts'

const self = anIdentity({ clanKey: 'SHA256:ours' })

const aSighting = (facts: Partial<Sighting> = {}): Sighting => ({
  gatewayId: self.gatewayId,
  name: self.name,
  leadNumber: self.leadNumber,
  ip: '10.0.0.1',
  port: 22,
  version: '2.0.0',
  clanKey: 'SHA256:ours',
  sourceIp: '10.0.0.1',
  ...facts,
})

const aJob = (facts: Partial<JobFacts> = {}): JobFacts => ({
  file: '/home/a/job',
  isInstalled: true,
  isCurrent: true,
  pid: 42,
  lastExitCode: undefined,
  startsAt: 'boot',
  ...facts,
})

/** Announced, and kept by systemd from boot on. */
const facts = (other: Partial<AnnouncementFacts> = {}): AnnouncementFacts => ({
  self,
  sightings: [aSighting()],
  troubles: [],
  ownAddresses: ['127.0.0.1', '10.0.0.1'],
  announcer: { pid: 42, since: '2026-11-20T10:00:00.000Z' },
  manager: 'systemd',
  job: aJob(),
  ...other,
})

test('a machine that is heard and kept is announced, and nothing is said about it', () => {
  expect(announcementState(facts())).toEqual({
    gatewayId: 'mini',
    announced: true,
    heardAt: ['10.0.0.1'],
    process: { pid: 42, since: '2026-11-20T10:00:00.000Z' },
    manager: 'systemd',
    job: { file: '/home/a/job', installed: true, current: true, pid: 42, lastExitCode: null },
    startsAt: 'boot',
    warnings: [],
    next: null,
  })
})

describe('heard is only what this machine says itself', () => {
  test.each<[string, Partial<Sighting>]>([
    ['another machine with its id', { ip: '10.0.0.9', sourceIp: '10.0.0.9' }],
    ['another machine that names its address', { sourceIp: '10.0.0.9' }],
    ['what this machine relays of another with its id', { ip: '10.0.0.9' }],
    ['its address under another id', { gatewayId: id('other') }],
    ['another sshd on it', { port: 2222 }],
    ['another home with its id', { clanKey: 'SHA256:other' }],
  ])('%s does not count', (_, sighting) => {
    expect(announcementState(facts({ sightings: [aSighting(sighting)] })).announced).toBe(false)
  })

  test('an id counts in any case, and addresses once', () => {
    const sightings = [aSighting({ gatewayId: id('MINI') }), aSighting()]

    expect(announcementState(facts({ sightings }))).toMatchObject({ announced: true, heardAt: ['10.0.0.1'] })
  })
})

describe('what is wrong comes with its next step', () => {
  const RESTART = 'claw-register restart'
  test.each<[string, Partial<AnnouncementFacts>, RegExp, RegExp]>([
    [
      'on a Mac, where launchd runs it unheard',
      { sightings: [], manager: 'launchd' },
      /Process 42 announces it, and nothing of it is heard here/,
      /System Settings > Privacy & Security > Local Network/,
    ],
    [
      'on a Mac, where a terminal runs it unheard',
      { sightings: [], manager: 'launchd', job: aJob({ isInstalled: false, pid: undefined }) },
      /Process 42/,
      /UDP port 5353/,
    ],
    ['when it runs unheard elsewhere', { sightings: [] }, /Process 42/, /UDP port 5353/],
    [
      'when we cannot even ask',
      { sightings: [], troubles: ['Cannot use the interface "eth0": send EPERM'] },
      /Process 42 .* cannot be told: Cannot use the interface "eth0"/,
      /UDP port 5353/,
    ],
    ['when it is frozen', { sightings: [], announcer: { pid: 0, since: '' } }, /frozen or stuck/, /restart$/],
    ['without a network', { sightings: undefined }, /No network interface/, /connect to a network/],
    [
      'when nothing was started',
      { sightings: [], announcer: undefined, job: aJob({ isInstalled: false, pid: undefined }) },
      /^Nothing announces it$/,
      /^claw-register start$/,
    ],
    [
      'when nothing can keep it',
      { sightings: [], announcer: undefined, manager: 'none', job: undefined },
      /^Nothing announces it$/,
      /keep "claw-register run" running/,
    ],
    [
      'when its process does not stay',
      { sightings: [], announcer: undefined, job: aJob({ pid: undefined, lastExitCode: 3 }) },
      /systemd has it and does not run it; its last process ended with 3/,
      /mdns-register-err\.log/,
    ],
    [
      'when its process has no place yet',
      { sightings: [], announcer: undefined },
      /Process 42 has only just/,
      /restart/,
    ],
    ['when something else announces it', { announcer: undefined }, /Something else/, /end that/],
    ['under an older name', { sightings: [aSighting({ name: 'Old' })] }, /older name/, new RegExp(RESTART)],
    ['with another job than today', { job: aJob({ isCurrent: false }) }, /another one/, new RegExp(RESTART)],
    ['until logout only', { job: aJob({ startsAt: 'login' }) }, /log out/, /loginctl enable-linger/],
    [
      'when another process has the place',
      { job: aJob({ pid: 43 }) },
      /Process 42 keeps the place/,
      /end process 42/,
    ],
    [
      'from a terminal',
      { job: aJob({ isInstalled: false, pid: undefined }) },
      /does not come back at boot/,
      /end it, then claw-register start/,
    ],
    [
      'from a supervisor',
      { manager: 'none', job: undefined },
      /does not come back at boot/,
      /have your supervisor/,
    ],
  ])('%s', (_, other, warning, next) => {
    const state = announcementState(facts(other))

    expect(state.warnings[0]).toMatch(warning)
    expect(state.next).toMatch(next)
  })

  test('a Mac starts jobs at login, and that is no finding', () => {
    const state = announcementState(facts({ manager: 'launchd', job: aJob({ startsAt: 'login' }) }))

    expect(state).toMatchObject({ startsAt: 'login', warnings: [] })
  })
})

import { expect, test } from 'vitest'
import { fleetStatus, needsAttention } from '../../../src/actions/status.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'

const now = new Date('2026-11-20T12:00:00Z')
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString()

function statusOf(peers: readonly Peer[], ranMinutesAgo?: number) {
  const at = ranMinutesAgo === undefined ? undefined : minutesAgo(ranMinutesAgo)
  const run =
    at === undefined ? {} : { run: { program: 'claw-ping', startedAt: at, finishedAt: at, result: {} } }
  return fleetStatus({
    self: anIdentity({ leadNumber: 5 }),
    store: storeOf(peers, run),
    clock: { now: () => now },
    settings: { pingIntervalMinutes: 15, scheduler: 'cron' },
    settingsWarnings: [],
  })
}

const fresh = (facts: Partial<Peer> = {}) =>
  aPeer({ status: 'online', lastPingAttempt: minutesAgo(3), ...facts })

test('status names the leader and says whether it is us', async () => {
  expect(await statusOf([fresh({ leadNumber: 2 })], 3)).toMatchObject({ leader: 'studio', isLeader: false })
  expect(await statusOf([fresh({ leadNumber: 8 })], 3)).toMatchObject({ leader: 'mini', isLeader: true })
})

test('standings younger than two intervals are not stale, older ones are, and the dead schedule is named', async () => {
  const young = await statusOf([fresh()], 29)
  const old = await statusOf([fresh({ lastPingAttempt: minutesAgo(31) })], 31)

  expect(young).toMatchObject({ lastRound: { stale: false, ageSeconds: 1740 }, warnings: [] })
  expect(young.peers[0]?.stale).toBe(false)
  expect(old).toMatchObject({ lastRound: { stale: true } })
  expect(old.peers[0]?.stale).toBe(true)
  expect(old.warnings.join()).toContain('cron')
})

test('a fleet that was never pinged says so', async () => {
  expect((await statusOf([fresh()])).warnings.join()).toContain('No ping round')
})

test('a clock that was set back makes no negative age', async () => {
  expect((await statusOf([fresh()], -60)).lastRound?.ageSeconds).toBe(0)
})

test('a lead number used twice is a warning with both names', async () => {
  const { warnings } = await statusOf([fresh({ leadNumber: 5 })], 3)

  expect(warnings).toEqual([expect.stringMatching(/5.*mini.*studio/)])
})

test.each([
  { name: 'all online', peers: [fresh()], attention: false },
  { name: 'one offline', peers: [fresh({ status: 'offline' })], attention: true },
  {
    name: 'one unresponsive',
    peers: [fresh({ gatewayId: id('x'), status: 'unresponsive' })],
    attention: true,
  },
])('--check: $name: $attention', async ({ peers, attention }) => {
  expect(needsAttention(await statusOf(peers, 3))).toBe(attention)
})

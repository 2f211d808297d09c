import { expect, test } from 'vitest'
import { fleetStatus, needsAttention } from '../../../src/actions/status.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import { type PendingItem, pendingId } from '../../../src/fleet/pending.ts'
import type { Revocation } from '../../../src/fleet/revocation.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'

const now = new Date('2026-11-20T12:00:00Z')
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString()

function statusOf(
  peers: readonly Peer[],
  ranMinutesAgo?: number,
  more: { pending?: readonly PendingItem[]; revocations?: readonly Revocation[] } = {},
  scheduler: 'cron' | 'none' = 'cron',
) {
  const at = ranMinutesAgo === undefined ? undefined : minutesAgo(ranMinutesAgo)
  const run =
    at === undefined ? {} : { run: { program: 'claw-ping', startedAt: at, finishedAt: at, result: {} } }
  const store = storeOf(peers, run)
  Object.assign(store.state, more)
  return fleetStatus({
    self: anIdentity({ leadNumber: 5 }),
    store,
    clock: { now: () => now },
    settings: { pingIntervalMinutes: 15, scheduler },
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

test('where nothing is scheduled it says what does it', async () => {
  const { warnings } = await statusOf([fresh()], 31, {}, 'none')

  expect(warnings.join()).toContain('nothing is scheduled ("claw-setup schedule" does it)')
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

test('what waits is shown with its way out, and wants attention once it needs the login of the owner', async () => {
  const item = (tries: number): PendingItem => ({
    ...{
      id: pendingId(id('studio'), id('attic')),
      kind: 'introduce',
      gatewayId: id('studio'),
      about: id('attic'),
    },
    ...{ createdAt: minutesAgo(9), tries, lastTriedAt: null, lastError: null, data: { identityFile: '/k' } },
  })
  const waiting = await statusOf([fresh()], 3, { pending: [item(0)] })
  const stuck = await statusOf([fresh()], 3, { pending: [item(1)] })

  const { data: _files, ...shown } = item(0)
  expect(waiting.pending).toEqual([{ ...shown, next: expect.stringContaining('answers again') }])
  expect([waiting, stuck].map(needsAttention)).toEqual([false, true])
})

test('a machine that is revoked is named until it is added again', async () => {
  const revocation = { clanKey: null, hostKey: null, incarnation: null, revokedAt: minutesAgo(9) }
  const revocations = [
    { ...revocation, gatewayId: id('thief'), liftedAt: null },
    { ...revocation, gatewayId: id('back'), liftedAt: minutesAgo(1) },
  ]

  const { revoked } = await statusOf([], 3, { revocations })

  expect(revoked).toEqual([{ gatewayId: 'thief', revokedAt: minutesAgo(9) }])
})

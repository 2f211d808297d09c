import { expect, test } from 'vitest'
import { anIdentity, aPeer, id } from '../support/builders.ts'
import { filesBelow, keptAside, storeHome } from '../support/store-home.ts'
import { storm } from '../support/store-storm.ts'

const long = process.env.CLAW_TEST_LONG === '1'
const timesEach = long ? 1000 : 60

test(`16 processes x ${timesEach} changes of one peer under kill -9 lose none that was acknowledged`, {
  timeout: long ? 1_800_000 : 300_000,
}, async () => {
  await using home = await storeHome()
  await using store = home.open()
  await store.saveSelf(anIdentity())
  await store.changePeers(() => [aPeer(), aPeer({ gatewayId: id('bystander'), missedPings: 7 })])

  const result = await storm(home, { processes: 16, timesEach, changesPerKill: 40 })

  const { peers } = await store.peers()
  const stored = peers.find(peer => peer.gatewayId === 'studio')?.missedPings ?? 0
  console.log({ ...result, stored })
  expect(result.faults).toEqual([])
  expect(result.acknowledged).toBeGreaterThanOrEqual(16 * timesEach)
  expect(stored).toBeGreaterThanOrEqual(result.acknowledged)
  // A killed process may have stored one change it could not report any more.
  expect(stored).toBeLessThanOrEqual(result.acknowledged + result.kills)
  expect(result.kills).toBeGreaterThan(0)
  expect(keptAside(home.paths.peers)).toEqual([])
  const loose = [...filesBelow(home.paths.home)].filter(([, { mode }]) => mode !== '600')
  expect(loose).toEqual([])
})

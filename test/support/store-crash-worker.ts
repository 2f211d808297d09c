import { accessSync, writeSync } from 'node:fs'
import { systemClock } from '../../src/adapters/clock.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'
import { aPeer, id } from './builders.ts'

// A program that does one round with everything in it: a change, a new peer, a repair, events. The two paths it
// looks for tell a tracer where the round begins and ends; "+" on stdout tells that the store has taken it.
const mark = (path: string) => {
  try {
    accessSync(path)
  } catch {
    // Nothing is there.
  }
}
const store = openJsonFleet({ paths: homePaths(process.argv[2]), clock: systemClock })
const timestamp = '2026-11-20T12:00:00.000Z'
mark('/round-begins')
await store.commitRound(peers => ({
  peers: [
    ...peers.filter(peer => peer.gatewayId === 'studio').map(peer => ({ ...peer, missedPings: 2 })),
    aPeer({ gatewayId: id('laptop') }),
  ],
  events: [{ timestamp, event: 'offline', gatewayId: id('studio'), data: { missedPings: 2 } }],
}))
writeSync(1, '+')
mark('/round-ends')
await store[Symbol.asyncDispose]()

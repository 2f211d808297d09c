import { writeSync } from 'node:fs'
import { systemClock } from '../../src/adapters/clock.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'

// A program that counts one peer's missed pings up, again and again, and says so each time the store has taken it:
// `store-worker.ts HOME TIMES`. It may be killed at any moment; a count it has reported must never be lost.
const [home, times] = process.argv.slice(2)
const store = openJsonFleet({ paths: homePaths(home), clock: systemClock })
for (let n = 0; n < Number(times); n++) {
  await store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: peer.missedPings + 1 })))
  writeSync(1, '+')
}
await store[Symbol.asyncDispose]()

import { systemClock } from '../../src/adapters/clock.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'

// A program that only looks: prints the peers' ids and the parts of Node that were loaded for it.
const store = openJsonFleet({ paths: homePaths(process.argv[2]), clock: systemClock })
const { peers } = await store.peers()
const modules: unknown = Reflect.get(process, 'moduleLoadList')
console.log(JSON.stringify({ peers: peers.map(peer => peer.gatewayId), modules }))

// Run inside a lab machine: browse for as many milliseconds as its argument says, and print how many machines were
// found and how long after the first question the last of them was.
import { systemClock } from '../../src/adapters/clock.ts'
import { browse } from '../../src/adapters/mdns-browse.ts'

let found = 0
let lastMs = 0
const { sightings } = await browse({
  durationMs: Number(process.argv[2]),
  interfaces: [],
  expected: [],
  clock: systemClock,
  onProgress: (count, elapsedMs) => {
    if (count === found) return
    found = count
    lastMs = elapsedMs
  },
})
console.log(JSON.stringify({ found: sightings.length, lastMs: Math.round(lastMs) }))

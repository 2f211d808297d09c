// Runs inside a machine of the lab: browse once from a cold start and print when the last machine was found.
import { systemClock } from '../src/adapters/clock.ts'
import { browse } from '../src/adapters/mdns-browse.ts'

const expected = Number(process.argv[2])
// Looked at every 2 ms instead of every 50: the time of the last answer is wanted, not of the next look.
const clock = {
  ...systemClock,
  sleep: (timeMs: number, signal?: AbortSignal) => systemClock.sleep(Math.min(timeMs, 2), signal),
}
let found = 0
let lastMs = 0

await browse({
  durationMs: 5000,
  isComplete: sightings => sightings.length >= expected,
  expected: [],
  interfaces: [],
  clock,
  onProgress: (now, elapsedMs) => {
    if (now > found) lastMs = elapsedMs
    found = now
  },
})
process.stdout.write(JSON.stringify({ found, lastMs }))

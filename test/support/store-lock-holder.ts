import { setTimeout } from 'node:timers/promises'
import { systemClock } from '../../src/adapters/clock.ts'
import { acquireLock } from '../../src/store/lock.ts'

// A program that takes a lock, forgets all about it and stays. With --expose-gc it also has the garbage collected.
const take = async () => {
  const holder = { program: 'other', pid: process.pid, startedAt: new Date().toISOString() }
  const request = {
    directory: process.argv[2] ?? '',
    name: 'claw-ping',
    waitMs: 0,
    holder,
    clock: systemClock,
  }
  const held = (await acquireLock(request)) !== undefined
  console.log(held ? 'held' : 'refused')
  if (!held) process.exit()
}
await take()
for (let n = 0; n < 20; n++) {
  await globalThis.gc?.({ execution: 'async' })
  await setTimeout(1)
}
console.log('collected')
setInterval(() => undefined, 1000)

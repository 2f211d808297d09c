/**
 * Takes one monitor out of a crontab and puts it in again, as a program of its own, and says so after each finished
 * edit: `node edit-crontab.ts COMMAND HOME ID ROUNDS`. Ends with the monitor in place.
 */
import { join } from 'node:path'
import { systemClock } from '../../src/adapters/clock.ts'
import { editCrontab } from '../../src/adapters/crontab.ts'
import { withEntry, withoutEntry } from '../../src/fleet/schedule.ts'
import { acquireLock } from '../../src/store/lock.ts'
import { id } from './builders.ts'
import { monitorOf, OWNER } from './cron-entries.ts'

const [command = '', home = '', name = '', rounds = '1'] = process.argv.slice(2)
const holder = { program: 'test', pid: process.pid, startedAt: systemClock.now().toISOString() }
const lock = { directory: join(home, 'locks'), name: 'crontab', waitMs: 60_000, holder, clock: systemClock }
const place = {
  command,
  backups: join(home, 'backups'),
  exclusively: async <T>(work: () => Promise<T>): Promise<T> => {
    using held = await acquireLock(lock)
    if (held === undefined) throw new Error('no lock')
    return await work()
  },
}

const entry = monitorOf(id(name))
for (let round = 0; round < Number(rounds); round++) {
  await editCrontab(place, text => withoutEntry(text, OWNER, entry.key), systemClock.now())
  await editCrontab(place, text => withEntry(text, OWNER, entry), systemClock.now())
  process.stdout.write('edited\n')
}

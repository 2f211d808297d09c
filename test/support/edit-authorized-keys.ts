/**
 * Grants and withdraws one machine again and again, as a program of its own, and says so after each finished edit:
 * `node edit-authorized-keys.ts FILE HOME ID ROUNDS`. Ends with the grant in place.
 */
import { join } from 'node:path'
import { editAuthorizedKeys } from '../../src/adapters/authorized-keys.ts'
import { systemClock } from '../../src/adapters/clock.ts'
import { withGrant, withoutGrant } from '../../src/fleet/authorized-keys.ts'
import { acquireLock } from '../../src/store/lock.ts'
import { id } from './builders.ts'
import { aKey } from './public-keys.ts'

const [file = '', home = '', name = '', rounds = '1'] = process.argv.slice(2)
const gatewayId = id(name)
const holder = { program: 'test', pid: process.pid, startedAt: systemClock.now().toISOString() }
const lock = {
  directory: join(home, 'locks'),
  name: 'authorized-keys',
  waitMs: 60_000,
  holder,
  clock: systemClock,
}

const place = {
  file,
  backups: join(home, 'backups'),
  exclusively: async <T>(work: () => T): Promise<T> => {
    using held = await acquireLock(lock)
    if (held === undefined) throw new Error('no lock')
    return work()
  },
}
const grant = { gatewayId, gate: '/gate', key: aKey(name) }
for (let round = 0; round < Number(rounds); round++) {
  await editAuthorizedKeys(place, text => withoutGrant(text, gatewayId), systemClock.now())
  await editAuthorizedKeys(place, text => withGrant(text, grant), systemClock.now())
  process.stdout.write('edited\n')
}

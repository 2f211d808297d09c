// (d) One peer of 50 changed and safe on disk: our store against lowdb's own file adapter.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { Low } from 'lowdb'
import { JSONFile } from 'lowdb/node'
import { systemClock } from '../src/adapters/clock.ts'
import { openJsonFleet } from '../src/store/json-fleet.ts'
import { makeHome } from './clan-home.ts'
import { type Contender, takeTurns } from './measure.ts'
import { type Bed, lacksNothing, type Part } from './part.ts'
import { ms, type Row } from './report.ts'

const PEERS = 50
const OURS = 'changePeers'
const BY_HAND = 'the same steps by hand, fsync of file and folder'
const LOWDB_ONE = 'lowdb JSONFile, one peer, no fsync'
const LOWDB_ALL = `lowdb JSONFile, ${PEERS} peers in one file, no fsync`

export const storePart: Part = { letter: 'd', name: 'store', lacks: lacksNothing, measure }

async function measure(bed: Bed): Promise<readonly Row[]> {
  const user = userInfo().username
  const ids = Array.from({ length: PEERS }, (_, at) => `m${at + 100}`)
  const peers = ids.map((gatewayId, at) => ({ gatewayId, port: 2200 + at }))
  const paths = makeHome(bed.scratch.folder('store-home'), { user, peers })
  const sample = join(paths.peers, `${ids[0]}.json`)
  const updates = bed.isQuick ? 20 : 100
  await using store = openJsonFleet({ paths, clock: systemClock })
  const ours = async (count: number) => {
    const written = await store.changePeers(all =>
      all
        .filter(({ gatewayId }) => gatewayId === ids[count % PEERS])
        .map(peer => ({ ...peer, responseMs: count })),
    )
    if (written.length !== 1) throw new Error(`${written.length} peers were written instead of one`)
  }
  const record: unknown = JSON.parse(readFileSync(sample, 'utf8'))
  const folder = bed.scratch.folder('lowdb')
  const contenders = [
    repeated(OURS, updates, ours),
    repeated(BY_HAND, updates, async count => replaceByHand(join(folder, 'hand.json'), record, count)),
    repeated(LOWDB_ONE, updates, await lowdb(join(folder, 'one.json'), { peer: record })),
    repeated(LOWDB_ALL, updates, await lowdb(join(folder, 'all.json'), { peers: ids.map(() => record) })),
  ]
  const results = await takeTurns(contenders, bed.isQuick ? 5 : 15, bed.say)
  const rate = Math.round(1000 / results.median(OURS))
  return [BY_HAND, LOWDB_ONE, LOWDB_ALL].map(name => ({
    part: 'd',
    what: `one peer update of ${PEERS}`,
    ours: `${ms(results.median(OURS))} (${rate}/s)`,
    against: `${name} ${ms(results.median(name))}`,
    ratio: results.ratio(OURS, name),
  }))
}

/** One sample is the mean of many updates, each with another value: equal ones might be skipped. */
function repeated(name: string, times: number, update: (count: number) => Promise<void>): Contender {
  let count = 0
  return {
    name,
    run: async () => {
      const started = performance.now()
      for (let done = 0; done < times; done++) await update(++count)
      return { wallMs: (performance.now() - started) / times, cpuMs: Number.NaN }
    },
  }
}

async function lowdb(file: string, data: object): Promise<(count: number) => Promise<void>> {
  const database = new Low<{ responseMs?: number }>(new JSONFile(file), { ...data })
  await database.write()
  return async count => {
    database.data.responseMs = count
    await database.write()
  }
}

/** The least that survives a power cut: what remains between this and ours is lock, reading, checks and fleet.json. */
function replaceByHand(file: string, record: unknown, responseMs: number): void {
  const text = JSON.stringify({ record, responseMs }, null, 2)
  const descriptor = openSync(`${file}.new`, 'w', 0o600)
  writeFileSync(descriptor, text)
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(`${file}.new`, file)
  const folder = openSync(dirname(file), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

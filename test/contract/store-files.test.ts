import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { LowSync } from 'lowdb'
import { JSONFileSync } from 'lowdb/node'
import { describe, expect, test } from 'vitest'
import { acquireLock } from '../../src/store/lock.ts'
import { replaceFiles } from '../../src/store/replace-files.ts'
import { aCandidate, anIdentity, aPeer, id } from '../support/builders.ts'
import { run } from '../support/lab/run.ts'
import { filesBelow, jsonIn, put, storeHome } from '../support/store-home.ts'
import { testClock } from '../support/test-clock.ts'

const reader = join(import.meta.dirname, '..', 'support', 'store-reader.ts')

/** Make files with no protection from the umask until the test ends. */
function openUmask(): Disposable {
  const former = process.umask(0)
  return { [Symbol.dispose]: () => void process.umask(former) }
}

describe('the JSON store and its files', () => {
  test('every file is for its owner alone, also under umask 000', async () => {
    using _umask = openUmask()
    await using home = await storeHome()
    await using store = home.open()

    await store.saveSelf(anIdentity())
    await store.saveCandidates([aCandidate()])
    const event = { timestamp: '2026-11-20T12:00:00.000Z', event: 'peer_added', data: {} } as const
    await store.commitRound(() => ({ peers: [aPeer()], events: [event] }))
    await store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: 1 })))
    await store.events(1)

    const files = [...filesBelow(home.paths.home)].map(([path, { mode }]) => `${mode} ${path}`)
    expect(files.toSorted()).toEqual([
      '600 candidates/laptop.json',
      '600 fleet.json',
      '600 identity.json',
      '600 journal.db',
      '600 journal.db-shm',
      '600 journal.db-wal',
      '600 locks/store.db',
      '600 locks/store.next.db',
      '600 logs/events.log',
      '600 peers/studio.json',
      '600 state.json',
    ])
    const { home: top, peers, candidates, locks, logs } = home.paths
    const folders = [top, peers, candidates, locks, logs].map(path =>
      (statSync(path).mode & 0o777).toString(8),
    )
    expect(folders).toEqual(['700', '700', '700', '700', '700'])
  })

  test('identity.json is the public part on one line, for a shell to print', async () => {
    await using home = await storeHome()
    await using store = home.open()

    await store.saveSelf(anIdentity({ githubRepo: 'git@example.org:skills.git', clanKey: 'SHA256:abc' }))

    const text = readFileSync(home.paths.identity, 'utf8')
    expect(text).toMatch(/^\{[^\n]*\}\n$/)
    expect(JSON.parse(text)).toEqual({
      gatewayId: 'mini',
      name: 'Mini',
      leadNumber: 1,
      sshUser: 'claw',
      sshPort: 22,
      version: '2.0.0',
      incarnation: 1,
      clanKey: 'SHA256:abc',
    })
  })

  test('fleet.json holds self and the enrolled peers, and follows every change of them', async () => {
    await using home = await storeHome()
    await using store = home.open()
    const instances = () => (jsonIn(home.paths.fleet) as { instances: Record<string, unknown>[] }).instances
    const ids = () => instances().map(({ gatewayId }) => gatewayId)

    await store.saveSelf(anIdentity())
    await store.changePeers(() => [aPeer({ gatewayId: id('b') }), aPeer({ gatewayId: id('a') })])
    expect(ids()).toEqual(['mini', 'a', 'b'])

    await store.changePeers(peers =>
      peers.map(peer => ({ ...peer, ip: '10.9.9.9', status: 'offline', missedPings: 4 })),
    )
    expect(instances().map(({ ip, status, missedPings }) => [ip, status, missedPings])).toEqual([
      ['10.0.0.1', undefined, undefined],
      ['10.9.9.9', undefined, undefined],
      ['10.9.9.9', undefined, undefined],
    ])

    await store.removePeer(id('a'))
    await store.saveSelf(anIdentity({ leadNumber: 5 }))
    expect(instances().map(({ gatewayId, leadNumber }) => [gatewayId, leadNumber])).toEqual([
      ['mini', 5],
      ['b', 2],
    ])
  })

  test('a file whose content stays is not written again', async () => {
    await using home = await storeHome()
    await using store = home.open()
    await store.saveSelf(anIdentity())
    await store.changePeers(() => [aPeer({ gatewayId: id('a') }), aPeer({ gatewayId: id('b') })])
    const inode = (path: string) => statSync(path).ino
    const files = [home.paths.fleet, home.paths.identity, home.paths.state, join(home.paths.peers, 'b.json')]
    const before = files.map(inode)

    await store.changePeers(peers =>
      peers.map(peer => ({ ...peer, missedPings: peer.gatewayId === 'a' ? 1 : 0 })),
    )

    expect(files.map(inode)).toEqual(before)
  })

  test('a program that only reads peers does not load SQLite', async () => {
    await using home = await storeHome()
    await using store = home.open()
    await store.saveSelf(anIdentity())
    await store.changePeers(() => [aPeer()])

    const { stdout } = await run([process.execPath, reader, home.paths.home])

    const { peers, modules } = JSON.parse(stdout)
    expect(peers).toEqual(['studio'])
    expect(modules.filter((name: string) => /sqlite/.test(name))).toEqual([])
    expect(modules.join()).toContain('NativeModule fs')
  })

  test('reading makes nothing', async () => {
    await using home = await storeHome()
    await using store = home.open()

    const empty = [await store.self(), await store.peers(), await store.candidates(), await store.events(9)]

    expect(empty).toEqual([undefined, { peers: [], damaged: [] }, [], []])
    expect(await store.lastRun('claw-ping')).toBeUndefined()
    expect(() => readdirSync(home.paths.home)).toThrow('ENOENT')
  })

  test('what a killed writer left behind goes after a minute', async () => {
    await using home = await storeHome()
    await using store = home.open()
    await store.changePeers(() => [aPeer()])
    const leftover = (name: string, ageMs: number) => {
      const path = join(home.paths.peers, name)
      writeFileSync(path, '{"half":')
      const then = new Date(Date.now() - ageMs)
      utimesSync(path, then, then)
    }
    // A writer that is not done yet shows what they are called.
    using writing = replaceFiles()
    writing.stage(join(home.paths.candidates, 'studio.json'), '{}')
    await writing.write()
    const [name = ''] = readdirSync(home.paths.candidates)
    leftover(name, 61_000)
    leftover(name.replace('studio', 'laptop'), 1_000)
    leftover('.mine.tmp', 61_000)

    await using next = home.open()
    await next.changePeers(() => [])

    expect(readdirSync(home.paths.peers).toSorted()).toEqual([
      name.replace('studio', 'laptop'),
      '.mine.tmp',
      'studio.json',
    ])
    expect((await next.peers()).damaged).toEqual([])
  })

  test('a link planted where a record or the log should be is not written through', async () => {
    await using home = await storeHome()
    await using store = home.open()
    const target = join(home.paths.home, 'precious')
    put(target, 'precious')
    for (const path of [join(home.paths.peers, 'studio.json'), home.paths.fleet, home.paths.identity]) {
      mkdirSync(home.paths.peers, { recursive: true })
      symlinkSync(target, path)
    }

    await store.saveSelf(anIdentity())
    await store.changePeers(() => [aPeer()])

    expect(readFileSync(target, 'utf8')).toBe('precious')
    expect((await store.peers()).peers).toEqual([aPeer()])
  })

  test('the adapter that comes with lowdb gives the mode away and writes through a planted link', async () => {
    await using home = await storeHome()
    const target = join(home.paths.home, 'precious')
    put(target, 'precious')
    symlinkSync(target, join(home.paths.home, '.db.json.tmp'))

    new LowSync(new JSONFileSync<{ n: number }>(join(home.paths.home, 'db.json')), { n: 1 }).write()

    expect(readFileSync(target, 'utf8')).not.toBe('precious')
  })

  test('a lock that stays taken ends a write with the name of its holder', async () => {
    await using home = await storeHome()
    const clock = testClock()
    await using store = home.open(clock)
    const holder = { program: 'claw-ping', pid: 4711, startedAt: '2026-11-20T11:59:00.000Z' }
    using _lock = await acquireLock({ directory: home.paths.locks, name: 'store', waitMs: 0, holder, clock })

    const outcome = store.changePeers(() => [aPeer()]).catch(error => error)
    await import('../../src/store/fleet-changes.ts')
    for (let n = 0; n < 300; n++) await clock.advance(50)

    const message = `Cannot lock "${home.paths.locks}/store.db" within 10000 ms: claw-ping (process 4711, begun at 2026-11-20T11:59:00.000Z) has it`
    expect(await outcome).toMatchObject({ code: 'store-unavailable', message })
    expect((await store.peers()).peers).toEqual([])
  })
})

describe('events.log', () => {
  const event = (n: number) =>
    ({
      timestamp: '2026-11-20T12:00:00.000Z',
      event: 'offline',
      gatewayId: id('studio'),
      data: { n },
    }) as const

  test('has one JSON object a line, in order, and no character a terminal might act on', async () => {
    await using home = await storeHome()
    await using store = home.open()
    const nasty = 'a\u001b[2J\u009b\u202eb\u2028\nc'

    await store.recordEvents([
      event(1),
      { timestamp: 't', event: 'settings_problem', data: { message: nasty } },
    ])

    const lines = readFileSync(home.paths.eventsLog, 'utf8').trimEnd().split('\n')
    expect(lines.map(line => JSON.parse(line))).toEqual([
      event(1),
      { timestamp: 't', event: 'settings_problem', data: { message: nasty } },
    ])
    expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/)
  })

  test('begins anew at 2 MB and keeps five files', async () => {
    await using home = await storeHome()
    await using store = home.open()
    for (let n = 1; n <= 6; n++) {
      put(home.paths.eventsLog, `${n}${'x'.repeat(2 * 1024 * 1024 - 10)}\n`)
      await store.recordEvents([event(n)])
    }

    const firsts = readdirSync(home.paths.logs)
      .toSorted()
      .map(name => `${name} ${readFileSync(join(home.paths.logs, name), 'utf8')[0]}`)
    expect(firsts).toEqual([
      'events.log {',
      'events.log.1 6',
      'events.log.2 5',
      'events.log.3 4',
      'events.log.4 3',
    ])
  })
})

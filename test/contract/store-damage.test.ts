import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anIdentity, aPeer, id } from '../support/builders.ts'
import { filesBelow, jsonIn, keptAside, put, storeHome } from '../support/store-home.ts'

const good = JSON.stringify(aPeer())

const DAMAGE: readonly {
  readonly what: string
  readonly content: string | Uint8Array
  readonly says: string
}[] = [
  { what: 'empty', content: '', says: 'the file is empty' },
  { what: 'only white space', content: ' \n\n', says: 'the file is empty' },
  { what: 'truncated', content: good.slice(0, 40), says: 'it is not JSON' },
  { what: 'NUL bytes', content: '\0'.repeat(300), says: 'it is not JSON' },
  { what: 'a byte order mark', content: `\ufeff${good}`, says: 'it is not JSON' },
  { what: 'two documents', content: `${good}\n${good}`, says: 'it is not JSON' },
  { what: 'a web page', content: '<html></html>', says: 'it is not JSON' },
  { what: '20,000 open brackets', content: '['.repeat(20_000), says: 'it is not JSON' },
  { what: 'null', content: 'null', says: 'it is not a JSON object' },
  { what: 'a list', content: `[${good}]`, says: 'it is not a JSON object' },
  { what: 'a number', content: '42', says: 'it is not a JSON object' },
  {
    what: 'bytes that are no text',
    content: Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d),
    says: 'it is not UTF-8 text',
  },
  {
    what: 'more than 8 MiB',
    content: `{"a":"${'x'.repeat(8 * 1024 * 1024)}"}`,
    says: 'it is bigger than 8388608 bytes',
  },
  { what: 'an object of another kind', content: '{"a":1}', says: 'gatewayId' },
  { what: 'a peer without an address', content: '{"gatewayId":"studio"}', says: 'ip' },
  {
    what: 'another peer',
    content: JSON.stringify(aPeer({ gatewayId: id('evil') })),
    says: 'named after the machine',
  },
  { what: 'a path for an id', content: '{"gatewayId":"../../evil","ip":"1.2.3.4"}', says: 'gatewayId' },
]

async function fleetOfTwo() {
  const home = await storeHome()
  const store = home.open()
  await store.saveSelf(anIdentity())
  await store.changePeers(() => [
    aPeer({ missedPings: 3, hostKey: 'SHA256:pinned' }),
    aPeer({ gatewayId: id('other') }),
  ])
  const path = join(home.paths.peers, 'studio.json')
  return {
    home,
    store,
    path,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    },
  }
}

describe('a damaged peer file', () => {
  test.each(DAMAGE)('that holds $what is reported with its path and hides no other peer', async row => {
    await using fleet = await fleetOfTwo()
    put(fleet.path, row.content)
    const before = filesBelow(fleet.home.paths.home)

    const { peers, damaged } = await fleet.store.peers()

    expect(peers.map(peer => peer.gatewayId)).toEqual(['other'])
    expect(damaged).toMatchObject([{ code: 'damaged-state' }])
    expect(damaged[0]?.message).toContain(fleet.path)
    expect(damaged[0]?.message).toContain(row.says)
    expect(damaged[0]?.message).not.toContain('\n')
    expect(filesBelow(fleet.home.paths.home)).toEqual(before)
  })

  test.each(DAMAGE)(
    'that holds $what is kept aside and made good from fleet.json by the next write',
    async row => {
      await using fleet = await fleetOfTwo()
      put(fleet.path, row.content)
      const damage = readFileSync(fleet.path)

      const { damaged } = await fleet.store.commitRound(() => ({ peers: [], events: [] }))

      const [name = ''] = keptAside(fleet.home.paths.peers)
      expect(damage.equals(readFileSync(join(fleet.home.paths.peers, name)))).toBe(true)
      expect(damaged).toMatchObject([{ code: 'damaged-state', hint: expect.stringContaining(name) }])
      const restored = (await fleet.store.peers()).peers.find(peer => peer.gatewayId === 'studio')
      expect(restored).toMatchObject({
        ip: '10.0.0.2',
        hostKey: 'SHA256:pinned',
        status: 'unknown',
        missedPings: 0,
      })
      expect(await fleet.store.events(5)).toMatchObject([
        { event: 'state_damaged', gatewayId: 'studio', data: { path: fleet.path, replaced: true } },
      ])
    },
  )

  test('that is a link, a folder or a pipe is reported, not followed', async () => {
    await using fleet = await fleetOfTwo()
    const { peers } = fleet.home.paths
    put(join(fleet.home.paths.home, 'elsewhere'), { ...aPeer({ gatewayId: id('link') }) })
    symlinkSync(join(fleet.home.paths.home, 'elsewhere'), join(peers, 'link.json'))
    mkdirSync(join(peers, 'folder.json'))
    execFileSync('mkfifo', [join(peers, 'pipe.json')])

    const { damaged } = await fleet.store.peers()

    expect(damaged.map(error => error.message)).toEqual([
      `Cannot use "${peers}/folder.json": it is not a file`,
      `Cannot use "${peers}/link.json": it is a symbolic link`,
      `Cannot use "${peers}/pipe.json": it is not a file`,
    ])
  })

  test('takes part in the very change that finds it, as fleet.json knows it', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.path, '')

    await fleet.store.changePeers(peers =>
      peers.map(peer => ({ ...peer, missedPings: peer.missedPings + 1 })),
    )

    const missed = (await fleet.store.peers()).peers.map(peer => `${peer.gatewayId} ${peer.missedPings}`)
    expect(missed.toSorted()).toEqual(['other 1', 'studio 1'])
  })

  test('that fleet.json does not know is kept aside, and the caller is told', async () => {
    await using fleet = await fleetOfTwo()
    rmSync(fleet.home.paths.fleet)
    put(fleet.path, '')

    const { damaged } = await fleet.store.commitRound(() => ({ peers: [], events: [] }))

    expect(damaged).toMatchObject([{ hint: expect.stringContaining('enrol that machine again') }])
    expect(keptAside(fleet.home.paths.peers)).toHaveLength(1)
    expect((await fleet.store.peers()).peers.map(peer => peer.gatewayId)).toEqual(['other'])
  })

  test('is kept each time it happens, never over an earlier one', async () => {
    await using fleet = await fleetOfTwo()
    for (const content of ['first', 'second', 'third']) {
      put(fleet.path, content)
      await fleet.store.changePeers(() => [])
    }

    const kept = keptAside(fleet.home.paths.peers).map(name =>
      readFileSync(join(fleet.home.paths.peers, name), 'utf8'),
    )
    expect(kept.toSorted()).toEqual(['first', 'second', 'third'])
  })

  test('stays as it is when the change throws', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.path, 'broken')
    const before = filesBelow(fleet.home.paths.peers)

    const failing = fleet.store.changePeers(() => {
      throw new RangeError('no')
    })

    await expect(failing).rejects.toThrow(RangeError)
    expect(filesBelow(fleet.home.paths.peers)).toEqual(before)
  })

  test('can be removed, and is kept aside even then', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.path, 'broken')

    expect(await fleet.store.removePeer(id('studio'))).toBe(true)

    expect((await fleet.store.peers()).peers.map(peer => peer.gatewayId)).toEqual(['other'])
    expect(keptAside(fleet.home.paths.peers)).toHaveLength(1)
  })

  test('of which another file holds the same machine yields to it', async () => {
    await using fleet = await fleetOfTwo()
    put(join(fleet.home.paths.peers, 'STUDIO.json'), {
      ...aPeer({ gatewayId: id('STUDIO'), missedPings: 9 }),
    })

    const { peers, damaged } = await fleet.store.peers()

    expect(peers.filter(peer => peer.gatewayId.toLowerCase() === 'studio')).toHaveLength(1)
    expect(damaged.map(error => error.message)).toEqual([
      `Cannot use "${fleet.path}": "${fleet.home.paths.peers}/STUDIO.json" holds the same machine`,
    ])
  })
})

describe('other damaged files', () => {
  test('a damaged state.json stops reading and writing, and nothing is changed', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.home.paths.state, '{"gatewayId":')
    const before = filesBelow(fleet.home.paths.home)
    const error = { code: 'damaged-state', message: `Cannot use "${fleet.home.paths.state}": it is not JSON` }

    await expect(fleet.store.self()).rejects.toMatchObject(error)
    await expect(fleet.store.changePeers(() => [])).rejects.toMatchObject(error)

    expect(filesBelow(fleet.home.paths.home)).toEqual(before)
    expect((await fleet.store.peers()).peers).toHaveLength(2)
  })

  test('a damaged state.json is kept aside when this machine is set up anew', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.home.paths.state, '{"gatewayId":')

    await fleet.store.saveSelf(anIdentity({ name: 'again' }))

    expect(await fleet.store.self()).toEqual(anIdentity({ name: 'again' }))
    const [kept = ''] = keptAside(fleet.home.paths.home)
    expect(readFileSync(join(fleet.home.paths.home, kept), 'utf8')).toBe('{"gatewayId":')
  })

  test('a damaged fleet.json is kept aside and written anew', async () => {
    await using fleet = await fleetOfTwo()
    const before = jsonIn(fleet.home.paths.fleet)
    put(fleet.home.paths.fleet, 'not json')

    await fleet.store.changePeers(() => [])

    expect(jsonIn(fleet.home.paths.fleet)).toEqual(before)
    expect(keptAside(fleet.home.paths.home)).toHaveLength(1)
  })

  test('a damaged fleet.json and a damaged peer at once cost that peer, not the round', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.home.paths.fleet, '')
    put(fleet.path, '')

    await fleet.store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: 5 })))

    expect((await fleet.store.peers()).peers).toEqual([aPeer({ gatewayId: id('other'), missedPings: 5 })])
  })

  test('a damaged journal is kept aside, and recording goes on', async () => {
    await using fleet = await fleetOfTwo()
    await using store = fleet.home.open()
    const event = { timestamp: '2026-11-20T12:00:00.000Z', event: 'peer_added', data: {} } as const
    put(fleet.home.paths.journal, 'this was a database once '.repeat(100))
    await expect(store.events(1)).rejects.toMatchObject({ code: 'damaged-state' })

    await store.recordEvents([event])

    expect(await store.events(5)).toMatchObject([
      event,
      { event: 'state_damaged', data: { path: fleet.home.paths.journal } },
    ])
    const [kept = ''] = keptAside(fleet.home.paths.home)
    expect(readFileSync(join(fleet.home.paths.home, kept), 'utf8')).toContain('this was a database once')
  })

  test('a folder where the home should be a folder, and is a file, is one clear line', async () => {
    await using home = await storeHome()
    put(home.paths.home, 'a file')
    await using store = home.open()

    await expect(store.changePeers(() => [aPeer()])).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining(home.paths.home),
    })
  })

  test('keys that could change every object are kept as plain keys', async () => {
    await using fleet = await fleetOfTwo()
    put(fleet.path, `${good.slice(0, -1)},"__proto__":{"oneWay":true},"constructor":1}`)

    await fleet.store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: 9 })))

    const [studio] = (await fleet.store.peers()).peers.filter(peer => peer.gatewayId === 'studio')
    expect(studio?.oneWay).toBeUndefined()
    expect(Object.hasOwn({}, 'oneWay')).toBe(false)
    expect(readFileSync(fleet.path, 'utf8')).toContain('"constructor": 1')
  })
})

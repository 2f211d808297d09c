import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FleetEvent } from '../../src/fleet/event.ts'
import { isGatewayId } from '../../src/fleet/parse.ts'
import type { Peer } from '../../src/fleet/peer.ts'
import { type PendingItem, pendingId } from '../../src/fleet/pending.ts'
import type { Revocation } from '../../src/fleet/revocation.ts'
import { type FleetStore, MAX_CANDIDATES, MAX_PENDING, MAX_REVOCATIONS } from '../../src/store/store.ts'
import { aCandidate, anIdentity, aPeer, id } from '../support/builders.ts'

/** One fresh place to keep a fleet, and any number of programs that open it. */
export type Backend = AsyncDisposable & { readonly connect: () => FleetStore }

const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 12, 0, second)).toISOString()
const anEvent = (n: number): FleetEvent => ({
  timestamp: at(n),
  event: 'offline',
  gatewayId: id('studio'),
  data: { missedPings: n, reason: null },
})
const anItem = (facts: Partial<PendingItem> = {}): PendingItem => {
  const { gatewayId = id('studio'), about = id('attic') } = facts
  return {
    ...{ id: pendingId(gatewayId, about), kind: 'introduce', gatewayId, about, createdAt: at(1), tries: 0 },
    ...{ lastTriedAt: null, lastError: 'no answer', data: { identityFile: '/keys/own' } },
    ...facts,
  }
}
const aRevocation = (facts: Partial<Revocation> = {}): Revocation => ({
  ...{ gatewayId: id('attic'), clanKey: 'SHA256:c', hostKey: null, incarnation: 3, revokedAt: at(5) },
  liftedAt: null,
  ...facts,
})
const idsOf = async (store: FleetStore) => (await store.peers()).peers.map(peer => peer.gatewayId).toSorted()
const enrol = (store: FleetStore, ...peers: readonly Peer[]) => store.changePeers(() => peers)
const miss = (peer: Peer): Peer => ({ ...peer, missedPings: peer.missedPings + 1 })

/** The promises of store.ts, for every backend. */
export function fleetStoreContract(backend: string, open: () => Promise<Backend>): void {
  describe(`${backend} keeps this machine`, () => {
    test('self() is undefined before the first setup', async () => {
      await using place = await open()
      await using store = place.connect()

      expect(await store.self()).toBeUndefined()
    })

    test('self() gives another program what saveSelf() was given last', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      await store.saveSelf(anIdentity({ name: 'Old' }))
      await store.saveSelf(anIdentity({ name: 'Müller’s 机器', clanKey: 'SHA256:abc' }))

      expect(await other.self()).toEqual(anIdentity({ name: 'Müller’s 机器', clanKey: 'SHA256:abc' }))
    })
  })

  describe(`${backend} keeps peers`, () => {
    test('peers() is empty before the first is enrolled', async () => {
      await using place = await open()
      await using store = place.connect()

      expect(await store.peers()).toEqual({ peers: [], damaged: [] })
    })

    test('changePeers() enrols what has a new id, for every program', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      const written = await enrol(store, aPeer({ gatewayId: id('a') }), aPeer({ gatewayId: id('b') }))

      expect(written.map(peer => peer.gatewayId)).toEqual(['a', 'b'])
      expect(await idsOf(other)).toEqual(['a', 'b'])
    })

    test('changePeers() leaves those it does not return as they are', async () => {
      await using place = await open()
      await using store = place.connect()
      await enrol(store, aPeer({ gatewayId: id('a') }), aPeer({ gatewayId: id('b'), missedPings: 7 }))

      await store.changePeers(peers => peers.filter(peer => peer.gatewayId === 'a').map(miss))

      const missed = new Map((await store.peers()).peers.map(peer => [peer.gatewayId, peer.missedPings]))
      expect(missed).toEqual(
        new Map([
          ['a', 1],
          ['b', 7],
        ]),
      )
    })

    test('changePeers() writes nothing when the change throws', async () => {
      await using place = await open()
      await using store = place.connect()
      await enrol(store, aPeer())

      const failing = store.changePeers(() => {
        throw new RangeError('no')
      })

      await expect(failing).rejects.toThrow(RangeError)
      expect((await store.peers()).peers).toEqual([aPeer()])
    })

    test('two writers of two peers lose neither', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      await Promise.all([
        enrol(store, aPeer({ gatewayId: id('a') })),
        enrol(other, aPeer({ gatewayId: id('b') })),
      ])

      expect(await idsOf(store)).toEqual(['a', 'b'])
    })

    test('a change is computed from the record it replaces, so no update is lost', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()
      await enrol(store, aPeer())

      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          (n % 2 === 0 ? store : other).changePeers(peers => peers.map(miss)),
        ),
      )

      expect((await store.peers()).peers[0]?.missedPings).toBe(40)
    })

    test('an id is the same machine in any case', async () => {
      await using place = await open()
      await using store = place.connect()
      await enrol(store, aPeer({ gatewayId: id('Studio'), name: 'before' }))

      await enrol(store, aPeer({ gatewayId: id('studio'), name: 'after' }))

      expect((await store.peers()).peers.map(peer => peer.name)).toEqual(['after'])
      expect(await store.removePeer(id('STUDIO'))).toBe(true)
    })

    test('a fact that the change takes away stays away', async () => {
      await using place = await open()
      await using store = place.connect()
      await enrol(store, aPeer({ reason: 'ssh-timeout' }))

      await store.changePeers(peers => peers.map(({ reason: _gone, ...peer }) => peer))

      expect((await store.peers()).peers).toEqual([aPeer()])
    })

    test('removePeer() removes one peer for every program, and says whether there was one', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()
      await enrol(store, aPeer({ gatewayId: id('a') }), aPeer({ gatewayId: id('b') }))

      expect(await other.removePeer(id('a'))).toBe(true)
      expect(await other.removePeer(id('a'))).toBe(false)
      expect(await idsOf(store)).toEqual(['b'])
    })

    test('every peer reads back equal', async () => {
      const name = fc
        .string({ minLength: 1, maxLength: 20 })
        .map(text => `x${text.replaceAll(/[^\p{L}\p{N}]/gu, '')}`)
      const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/).filter(isGatewayId)
      const peer = fc.record({
        gatewayId: word,
        name,
        leadNumber: fc.integer({ min: 0, max: 9999 }),
        ip: fc.ipV4(),
        sshPort: fc.integer({ min: 1, max: 65_535 }),
        status: fc.constantFrom('online', 'unresponsive', 'offline', 'unknown'),
        lastSeen: fc.option(fc.date({ noInvalidDate: true }).map(date => date.toISOString())),
        missedPings: fc.nat(),
        oneWay: fc.boolean(),
      })
      await using place = await open()
      await using store = place.connect()

      await fc.assert(
        fc.asyncProperty(peer, async facts => {
          await enrol(store, aPeer(facts))
          const { peers, damaged } = await store.peers()
          expect(damaged).toEqual([])
          expect(peers).toContainEqual(aPeer(facts))
        }),
        { numRuns: 30 },
      )
    })
  })

  describe(`${backend} keeps candidates`, () => {
    test('saveCandidates() adds and replaces, for every program', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      await store.saveCandidates([aCandidate({ gatewayId: id('a') }), aCandidate({ gatewayId: id('b') })])
      await store.saveCandidates([aCandidate({ gatewayId: id('A'), name: 'new' })])

      const names = (await other.candidates()).map(({ gatewayId, name }) => `${gatewayId} ${name}`)
      expect(names.toSorted()).toEqual(['A new', 'b Laptop'])
    })

    test('a flood keeps no more than MAX_CANDIDATES, and those seen last', async () => {
      await using place = await open()
      await using store = place.connect()
      await store.saveCandidates([aCandidate({ gatewayId: id('oldest'), lastSeen: at(0) })])
      const flood = (first: number, count: number) =>
        Array.from({ length: count }, (_, n) =>
          aCandidate({ gatewayId: id(`m${first + n}`), lastSeen: at(first + n) }),
        )

      await store.saveCandidates(flood(1, MAX_CANDIDATES - 1))
      await store.saveCandidates(flood(MAX_CANDIDATES, 2000))

      const kept = (await store.candidates()).map(candidate => candidate.lastSeen).toSorted()
      expect(kept).toHaveLength(MAX_CANDIDATES)
      expect(kept[0]).toBe(at(2000))
    })

    test('discovery touches neither an enrolled peer nor this machine', async () => {
      await using place = await open()
      await using store = place.connect()
      await store.saveSelf(anIdentity())
      await enrol(store, aPeer())

      await store.saveCandidates([
        aCandidate({ gatewayId: id('STUDIO'), leadNumber: 1, ip: '6.6.6.6' }),
        aCandidate({ gatewayId: id('Mini') }),
        aCandidate(),
      ])

      expect((await store.candidates()).map(candidate => candidate.gatewayId)).toEqual(['laptop'])
      expect((await store.peers()).peers).toEqual([aPeer()])
      expect(await store.self()).toEqual(anIdentity())
    })

    test('a candidate that could not be read back is not saved', async () => {
      await using place = await open()
      await using store = place.connect()

      await store.saveCandidates([aCandidate({ gatewayId: id('bad'), ip: '-oProxyCommand=x' }), aCandidate()])

      expect((await store.candidates()).map(candidate => candidate.gatewayId)).toEqual(['laptop'])
    })

    test('a candidate that is enrolled is a candidate no more', async () => {
      await using place = await open()
      await using store = place.connect()
      await store.saveCandidates([aCandidate(), aCandidate({ gatewayId: id('other') })])

      await enrol(store, aPeer({ gatewayId: id('Laptop') }))
      await store.removePeer(id('laptop'))

      expect((await store.candidates()).map(candidate => candidate.gatewayId)).toEqual(['other'])
    })
  })

  describe(`${backend} keeps what happened`, () => {
    test('events() gives the newest first, whoever recorded them', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      await store.recordEvents([anEvent(1), anEvent(2)])
      await other.recordEvents([
        { timestamp: at(3), event: 'leader_change', data: { from: null, to: 'mini' } },
      ])

      expect(await store.events(2)).toEqual([
        { timestamp: at(3), event: 'leader_change', data: { from: null, to: 'mini' } },
        anEvent(2),
      ])
    })

    test('commitRound() stores a change and its events together', async () => {
      await using place = await open()
      await using store = place.connect()
      await enrol(store, aPeer())

      const { peers, damaged } = await store.commitRound(current => ({
        peers: current.map(miss),
        events: [anEvent(1)],
      }))

      expect({ peers, damaged }).toEqual({ peers: [aPeer({ missedPings: 1 })], damaged: [] })
      expect((await store.peers()).peers).toEqual(peers)
      expect(await store.events(10)).toEqual([anEvent(1)])
    })

    test('commitRound() stores neither when the change throws', async () => {
      await using place = await open()
      await using store = place.connect()

      const failing = store.commitRound(() => {
        throw new RangeError('no')
      })

      await expect(failing).rejects.toThrow(RangeError)
      expect(await store.events(10)).toEqual([])
    })

    test('lastRun() gives the latest run of each program', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()
      const run = (program: string, second: number, result: unknown) =>
        ({ program, startedAt: at(second), finishedAt: at(second + 1), result }) as const

      await store.recordRun(run('claw-ping', 1, { peers: [] }))
      await store.recordRun(run('claw-discover', 2, null))
      await other.recordRun(run('claw-ping', 3, { peers: ['a', { b: 'ü' }], leader: null }))

      expect(await store.lastRun('claw-ping')).toEqual(
        run('claw-ping', 3, { peers: ['a', { b: 'ü' }], leader: null }),
      )
      expect(await store.lastRun('claw-discover')).toEqual(run('claw-discover', 2, null))
      expect(await store.lastRun('claw-monitor')).toBeUndefined()
    })
  })

  describe(`${backend} keeps what waits`, () => {
    test('pending() gives what was added and not removed, oldest first, to every program', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()
      expect(await store.pending()).toEqual([])
      const later = anItem({ gatewayId: id('Mini'), kind: 'forget', createdAt: at(9), lastTriedAt: at(9) })

      await store.addPending([later, anItem()])

      expect(await other.pending()).toEqual([anItem(), later])
      await other.removePending([anItem().id, 'nobody/knows'])
      expect(await store.pending()).toEqual([later])
    })

    test('of two items of one pair the later order stays, in whatever sequence they are added', async () => {
      await using place = await open()
      await using store = place.connect()
      const revoke = anItem({ gatewayId: id('STUDIO'), kind: 'revoke', createdAt: at(5) })

      await store.addPending([anItem({ createdAt: at(2) }), revoke])
      await store.addPending([anItem({ createdAt: at(2), tries: 7 })])

      expect(await store.pending()).toEqual([revoke])
      await store.addPending([{ ...revoke, tries: 1, lastError: 'auth' }])
      expect(await store.pending()).toMatchObject([{ kind: 'revoke', tries: 1, lastError: 'auth' }])
    })

    test('no more than MAX_PENDING wait: the oldest go, and no revocation before an introduction', async () => {
      await using place = await open()
      await using store = place.connect()
      const flood = Array.from({ length: MAX_PENDING }, (_, n) =>
        anItem({ gatewayId: id(`m${n}`), createdAt: at(10 + n) }),
      )

      await store.addPending([anItem({ gatewayId: id('thief'), kind: 'revoke' }), ...flood])

      const kept = await store.pending()
      expect(kept).toHaveLength(MAX_PENDING)
      expect(kept.slice(0, 2).map(item => item.gatewayId)).toEqual(['thief', 'm1'])
    })

    test('revocations() keeps the latest word on each id, in any case', async () => {
      await using place = await open()
      await using store = place.connect()
      await using other = place.connect()

      await store.saveRevocations([aRevocation(), aRevocation({ gatewayId: id('other'), revokedAt: at(1) })])
      await other.saveRevocations([aRevocation({ gatewayId: id('ATTIC'), liftedAt: at(8) })])
      await store.saveRevocations([aRevocation({ revokedAt: at(2) })])

      expect(await store.revocations()).toEqual([
        aRevocation({ gatewayId: id('other'), revokedAt: at(1) }),
        aRevocation({ gatewayId: id('ATTIC'), liftedAt: at(8) }),
      ])
    })

    test('no more than MAX_REVOCATIONS are kept, lifted ones going first', async () => {
      await using place = await open()
      await using store = place.connect()
      const many = Array.from({ length: MAX_REVOCATIONS }, (_, n) =>
        aRevocation({ gatewayId: id(`m${n}`), revokedAt: at(n), liftedAt: n === 9 ? at(9) : null }),
      )

      await store.saveRevocations([...many, aRevocation({ revokedAt: at(4000) })])

      const kept = await store.revocations()
      expect(kept).toHaveLength(MAX_REVOCATIONS)
      expect(kept.some(({ gatewayId }) => gatewayId === 'm9')).toBe(false)
    })

    test('looks that are asked for together and a change between them do not disturb each other', async () => {
      await using place = await open()
      await using store = place.connect()
      await store.addPending([anItem()])

      const looks = [store.pending(), store.lastRun('claw-ping'), store.revocations(), store.events(1)]
      await store.removePending([anItem().id])
      await Promise.all(looks)

      expect(await store.pending()).toEqual([])
    })
  })
}

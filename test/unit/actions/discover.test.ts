import { describe, expect, test, vi } from 'vitest'
import { type DiscoverDeps, discoverMachines } from '../../../src/actions/discover.ts'
import type { BrowseOptions, BrowseReading } from '../../../src/adapters/mdns-browse.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import type { Sighting } from '../../../src/fleet/service.ts'
import { aCandidate, anIdentity, aPeer, id } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'
import { testClock } from '../../support/test-clock.ts'

const aSighting = (facts: Partial<Sighting> = {}): Sighting => {
  const ip = facts.ip ?? '10.0.0.2'
  return {
    gatewayId: id('studio'),
    name: 'Studio',
    leadNumber: 2,
    ip,
    port: 22,
    version: '2.0.0',
    sourceIp: ip,
    ...facts,
  }
}

/** A browse that heard this, the store it is judged against, and the SSH proofs that would succeed. */
function worldOf(
  heard: Partial<BrowseReading>,
  peers: readonly Peer[] = [],
  provenAt: readonly string[] = [],
) {
  const store = storeOf(peers)
  const asked: BrowseOptions[] = []
  const proofs: string[] = []
  const changePeers = vi.fn(store.changePeers)
  const deps: DiscoverDeps = {
    self: anIdentity(),
    store: { ...store, changePeers },
    clock: testClock(),
    browse: async options => {
      asked.push(options)
      return { sightings: [], gateways: [], isFull: true, troubles: [], warnings: [], ...heard }
    },
    interfaces: [],
    ownAddresses: ['127.0.0.1', '10.0.0.1'],
    probeAt: async (peer, ip, port) => {
      proofs.push(`${peer.gatewayId} ${ip}:${port}`)
      return provenAt.includes(`${ip}:${port}`)
    },
  }
  return { deps, store, asked, proofs, changePeers }
}

describe('discoverMachines() lists', () => {
  test('self, enrolled peers, candidates and conflicts, lowest lead number first', async () => {
    const sightings = [
      aSighting({ gatewayId: id('new'), leadNumber: 9, ip: '10.0.0.5' }),
      aSighting(),
      aSighting({ gatewayId: id('mini'), leadNumber: 1, ip: '10.0.0.1' }),
      aSighting({ leadNumber: 0, ip: '10.0.0.66' }),
    ]
    const { deps } = worldOf({ sightings }, [aPeer()])

    const { found } = await discoverMachines(deps)

    expect(found.map(({ gatewayId, ip, known }) => `${gatewayId} ${ip} ${known}`)).toEqual([
      'mini 10.0.0.1 self',
      'studio 10.0.0.2 enrolled',
      'new 10.0.0.5 candidate',
      'studio 10.0.0.66 conflict',
    ])
    expect(Object.keys(found[0] ?? {})).toEqual([
      'gatewayId',
      'name',
      'ip',
      'port',
      'leadNumber',
      'version',
      'known',
    ])
  })

  test('OpenClaw gateways only where no enrolled machine is', async () => {
    const at = (ip: string) => ({ name: ip, ip, port: 18_789 })
    const { deps } = worldOf({ gateways: [at('10.0.0.1'), at('10.0.0.2'), at('10.0.0.8')] }, [aPeer()])

    expect((await discoverMachines(deps)).gateways).toEqual([at('10.0.0.8')])
  })

  test('what the browse warned of', async () => {
    const { deps } = worldOf({ warnings: ['Dropped 900 mDNS packets'] })

    expect((await discoverMachines(deps)).warnings).toEqual(['Dropped 900 mDNS packets'])
  })
})

describe('discoverMachines() browses', () => {
  test('the whole 5 s while nobody is enrolled', async () => {
    const { deps, asked } = worldOf({})

    await discoverMachines(deps)

    expect(asked[0]).toMatchObject({ durationMs: 5000, expected: [] })
    expect(asked[0]?.isComplete).toBeUndefined()
  })

  test('at most 5 s, until every enrolled peer was heard from its own address', async () => {
    const { deps, asked } = worldOf({}, [aPeer(), aPeer({ gatewayId: id('attic'), ip: '10.0.0.3' })])

    await discoverMachines(deps)

    const isComplete = asked[0]?.isComplete
    const attic = aSighting({ gatewayId: id('attic'), ip: '10.0.0.3' })
    expect(asked[0]).toMatchObject({ durationMs: 5000, expected: ['10.0.0.2', '10.0.0.3'] })
    expect(isComplete?.([aSighting()])).toBe(false)
    expect(isComplete?.([aSighting({ sourceIp: '10.0.0.66' }), attic])).toBe(false)
    expect(isComplete?.([aSighting(), attic])).toBe(true)
  })

  test('a given number of seconds in full', async () => {
    const { deps, asked } = worldOf({}, [aPeer()])

    await discoverMachines(deps, 12)

    expect(asked[0]?.durationMs).toBe(12_000)
    expect(asked[0]?.isComplete).toBeUndefined()
  })
})

describe('discoverMachines() believes', () => {
  test('nothing that an impostor says of a peer', async () => {
    const peers = [aPeer({ mdnsBroadcasting: true }), aPeer({ gatewayId: id('attic'), ip: '10.0.0.3' })]
    const evil = { name: 'Evil', leadNumber: 0, version: '9', clanKey: `SHA256:${'e'.repeat(43)}` }
    const sightings = [
      aSighting(),
      aSighting({ ...evil, ip: '10.0.0.66' }),
      aSighting({ ...evil, gatewayId: id('ATTIC'), ip: '10.0.0.3', sourceIp: '10.0.0.66' }),
    ]
    const { deps, store, changePeers } = worldOf({ sightings }, peers)

    const { found } = await discoverMachines(deps)

    expect(changePeers).not.toHaveBeenCalled()
    expect(store.state).toMatchObject({ peers, candidates: [], events: [] })
    expect(found.map(({ known }) => known).toSorted()).toEqual(['conflict', 'enrolled', 'enrolled'])
  })

  test('an SSH proof, and then only the address', async () => {
    const evilClaims = {
      ip: '10.0.0.9',
      port: 2222,
      name: 'Other',
      leadNumber: 1,
      clanKey: `SHA256:${'e'.repeat(43)}`,
    }
    const peer = aPeer({ mdnsBroadcasting: true })
    const { deps, store } = worldOf({ sightings: [aSighting(evilClaims)] }, [peer], ['10.0.0.9:2222'])

    const { found } = await discoverMachines(deps)

    expect(store.state.peers).toEqual([{ ...peer, ip: '10.0.0.9', sshPort: 2222 }])
    expect(store.state.events).toMatchObject([
      {
        event: 'address_changed',
        gatewayId: 'studio',
        data: { from: '10.0.0.2', fromPort: 22, to: '10.0.0.9', toPort: 2222 },
      },
    ])
    expect(found[0]?.known).toBe('enrolled')
  })

  test('no more than three proofs of one peer in one run', async () => {
    const sightings = Array.from({ length: 50 }, (_, at) => aSighting({ ip: `10.0.1.${at + 1}` }))
    const { deps, proofs } = worldOf({ sightings }, [aPeer()])

    await discoverMachines(deps)

    expect(proofs).toEqual(['studio 10.0.1.1:22', 'studio 10.0.1.2:22', 'studio 10.0.1.3:22'])
  })

  test('no proof for a peer that was moved by hand meanwhile', async () => {
    const { deps, store } = worldOf(
      { sightings: [aSighting({ ip: '10.0.0.9' })] },
      [aPeer()],
      ['10.0.0.9:22'],
    )
    const probeAt = async () => {
      store.state.peers = [aPeer({ ip: '10.0.0.4' })]
      return true
    }

    await discoverMachines({ ...deps, probeAt })

    expect(store.state.peers).toMatchObject([{ ip: '10.0.0.4' }])
    expect(store.state.events).toEqual([])
  })

  test('silence only after a full browse', async () => {
    const peer = aPeer({ mdnsBroadcasting: true })
    const [short, full] = [worldOf({ isFull: false }, [peer]), worldOf({ isFull: true }, [peer])]

    await discoverMachines(short.deps)
    await discoverMachines(full.deps)

    expect(short.store.state.peers).toMatchObject([{ mdnsBroadcasting: true }])
    expect(full.store.state.peers).toMatchObject([{ mdnsBroadcasting: false }])
  })
})

describe('discoverMachines() keeps candidates', () => {
  test('as heard, with the time they were first seen', async () => {
    const clanKey = `SHA256:${'c'.repeat(43)}`
    const known = aCandidate({ gatewayId: id('laptop'), discoveredAt: '2026-01-01T00:00:00.000Z' })
    const sightings = [
      aSighting({ gatewayId: id('laptop'), ip: '10.0.0.7', clanKey }),
      aSighting({ gatewayId: id('laptop'), ip: '10.1.0.7', clanKey }),
      aSighting({ gatewayId: id('fresh'), ip: '10.0.0.8' }),
      aSighting({ gatewayId: id('FRESH'), ip: '10.0.0.9' }),
    ]
    const { deps, store } = worldOf({ sightings })
    store.state.candidates = [known]

    await discoverMachines(deps)

    const now = '2026-11-20T12:00:00.000Z'
    const facts = { name: 'Studio', leadNumber: 2, port: 22, version: '2.0.0', lastSeen: now }
    expect(store.state.candidates).toEqual([
      { ...facts, gatewayId: 'laptop', ip: '10.0.0.7', clanKey, discoveredAt: '2026-01-01T00:00:00.000Z' },
      { ...facts, gatewayId: 'fresh', ip: '10.0.0.8', discoveredAt: now },
    ])
  })
})

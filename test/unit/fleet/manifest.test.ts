import { describe, expect, test } from 'vitest'
import { manifestOf, peersInManifest } from '../../../src/fleet/manifest.ts'
import { anIdentity, aPeer, id } from '../../support/builders.ts'

const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('manifestOf()', () => {
  test('holds self first, then the peers by id, whatever their order', () => {
    const peers = ['b', 'C', 'a'].map(name => aPeer({ gatewayId: id(name) }))

    const manifest = manifestOf(anIdentity(), peers)

    expect(manifest.instances.map(instance => instance.gatewayId)).toEqual(['mini', 'a', 'b', 'C'])
    expect(written(manifestOf(anIdentity(), peers.toReversed()))).toEqual(written(manifest))
  })

  test('does not change with what a ping round finds out', () => {
    const before = aPeer({ hostKey: 'SHA256:x' })
    const after = aPeer({
      hostKey: 'SHA256:x',
      status: 'offline',
      missedPings: 3,
      lastSeen: '2026-11-20T12:00:00.000Z',
      lastPingAttempt: '2026-11-20T12:15:00.000Z',
      sshConnectivity: true,
      responseMs: 40,
      reason: 'ssh-timeout',
    })

    expect(JSON.stringify(manifestOf(anIdentity(), [after]))).toBe(
      JSON.stringify(manifestOf(anIdentity(), [before])),
    )
  })

  test('carries no repository, which may hold a secret', () => {
    const manifest = manifestOf(anIdentity({ githubRepo: 'https://token@example.org/x.git' }), [])

    expect(JSON.stringify(manifest)).not.toContain('token')
  })
})

describe('peersInManifest()', () => {
  test('gives back every peer as one that was never probed', () => {
    const facts = {
      hostKey: 'SHA256:h',
      clanKey: 'SHA256:c',
      oneWay: true,
      mayBeAway: true,
      version: '2.0.0',
      sshPort: 2222,
    }
    const probed = aPeer({ ...facts, status: 'online', missedPings: 0, lastSeen: '2026-11-20T12:00:00.000Z' })

    const peers = peersInManifest(written(manifestOf(anIdentity(), [probed])), 'fleet.json', 'claw')

    expect(peers.get('studio')).toEqual(aPeer({ ...facts, status: 'unknown' }))
  })

  test('leaves out what makes no peer, and refuses what is no manifest', () => {
    const instances = [null, 7, { gatewayId: '../evil', ip: '1.2.3.4' }, { gatewayId: 'ok', ip: '1.2.3.4' }]

    expect([...peersInManifest({ instances }, 'fleet.json', 'claw').keys()]).toEqual(['ok'])
    expect(() => peersInManifest({ machines: [] }, 'fleet.json', 'claw')).toThrow('fleet.json')
  })
})

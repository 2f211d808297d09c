import { describe, expect, test } from 'vitest'
import { introduce } from '../../../src/actions/introduce.ts'
import { liftRevocations } from '../../../src/actions/lift.ts'
import { revokeAsTold, revokePeer } from '../../../src/actions/revoke.ts'
import { inForce } from '../../../src/fleet/revocation.ts'
import { aPeer, id } from '../../support/builders.ts'
import { hostKey, now, studio, worldOf } from '../../support/listener.ts'
import { aKey, fingerprintOf } from '../../support/public-keys.ts'

describe('a revoked machine', () => {
  const revokeStudio = async (world: ReturnType<typeof worldOf>) => {
    await introduce(world.deps, { machines: [studio()], forget: [] })
    return revokePeer(world.deps, id('STUDIO'))
  }
  const renewed = { ip: '10.0.0.2', sshPort: 22, hostKey: aKey('renewed') }

  test('loses right, pin and record, and is remembered by id and keys', async () => {
    const world = worldOf()

    const revoked = await revokeStudio(world)

    expect(revoked).toMatchObject({ authorizedKey: true, hostKey: true, record: true })
    expect([world.state.peers.length, world.pins.size, world.granted.size]).toEqual([0, 0, 0])
    expect(world.state.revocations).toEqual([
      {
        ...{ gatewayId: 'studio', incarnation: null, revokedAt: now.toISOString(), liftedAt: null },
        ...{ clanKey: fingerprintOf(aKey('studio')), hostKey: fingerprintOf(hostKey) },
      },
    ])
    expect(world.state.events.map(({ event }) => event)).toContain('peer_revoked')
    expect((await revokePeer(world.deps, id('studio'))).revocation).toEqual(revoked.revocation)
  })

  test.each([
    ['its id, with other keys', { clanPublicKey: aKey('new'), reach: renewed }],
    ['its clan key, under another id', { gatewayId: id('other'), reach: renewed }],
    ['its host key, under another id', { gatewayId: id('other'), clanPublicKey: aKey('new') }],
    ['its clan key, and no way to reach it', { gatewayId: id('other'), reach: null }],
  ])('does not come back by %s', async (_what, facts) => {
    const world = worldOf()
    await revokeStudio(world)

    const { machines } = await introduce(world.deps, { machines: [studio(facts)], forget: [] })

    expect(machines[0]).toMatchObject({ result: 'refused', reason: expect.stringContaining('2026-11-20') })
    expect([world.state.peers.length, world.granted.size]).toEqual([0, 0])
  })

  test('comes back from a machine where the owner lifted this revocation, and from no other', async () => {
    const world = worldOf()
    await revokeStudio(world)
    const offer = (liftedUpTo: string) =>
      introduce(world.deps, { machines: [studio({ liftedUpTo })], forget: [] })

    expect((await offer('2026-11-20T11:59:59.000Z')).machines[0]?.result).toBe('refused')
    expect((await offer(now.toISOString())).machines[0]?.result).toBe('added')
    expect(inForce(world.state.revocations)).toEqual([])
  })

  test('is revoked as another machine tells, even where it was never known', async () => {
    const world = worldOf()
    const { revocation } = await revokeStudio(worldOf())

    const { machines } = await introduce(world.deps, { machines: [], forget: [], revoke: [revocation] })

    expect(machines).toEqual([{ gatewayId: 'studio', result: 'revoked', reason: null }])
    expect(world.state.revocations).toEqual([revocation])
    const own = { ...revocation, gatewayId: id('Mini') }
    expect(
      (await introduce(world.deps, { machines: [], forget: [], revoke: [own] })).machines[0]?.result,
    ).toBe('refused')
  })

  test('that the owner has added again since is not revoked by an old order', async () => {
    const world = worldOf()
    const { revocation } = await revokeStudio(world)
    await liftRevocations(world.deps, { gatewayId: id('studio') })
    await introduce(world.deps, { machines: [studio()], forget: [] })

    const { machines } = await introduce(world.deps, { machines: [], forget: [], revoke: [revocation] })

    expect(machines[0]?.result).toBe('unchanged')
    expect(world.state.peers).toHaveLength(1)
  })

  test('that is no peer, and may only look at us, is locked out by its key as well', async () => {
    const world = worldOf()
    await introduce(world.deps, { machines: [studio({ reach: null })], forget: [] })

    const revoked = await revokePeer(world.deps, id('studio'))

    expect(revoked).toMatchObject({ authorizedKey: true, record: false })
    expect(revoked.revocation.clanKey).toBe(fingerprintOf(aKey('studio')))
    expect(world.granted.size).toBe(0)
  })

  test('does not slip in while it is revoked', async () => {
    const world = worldOf()
    const { revocation } = await revokeStudio(worldOf())
    const pinHostKey: typeof world.deps.pinHostKey = async (at, key) => {
      await revokeAsTold(world.deps, revocation)
      await world.deps.pinHostKey(at, key)
      await world.deps.grant(at.gatewayId, aKey('studio'))
    }

    const { machines } = await introduce({ ...world.deps, pinHostKey }, { machines: [studio()], forget: [] })

    expect(machines[0]).toMatchObject({ result: 'refused', reason: expect.stringContaining('was revoked') })
    expect([world.state.peers.length, world.pins.size, world.granted.size]).toEqual([0, 0, 0])
  })

  test('must be one that something is known of', async () => {
    await expect(revokePeer(worldOf([aPeer()]).deps, id('studoi'))).rejects.toMatchObject({
      code: 'unknown-peer',
    })
  })
})

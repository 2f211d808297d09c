import { describe, expect, test } from 'vitest'
import { settlePending } from '../../../src/actions/settle-pending.ts'
import { forgetEverywhere, revokeEverywhere } from '../../../src/actions/tell-fleet.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { inForce } from '../../../src/fleet/revocation.ts'
import { id } from '../../support/builders.ts'
import { add, anyTime, clanOf, pendingOf } from '../../support/memory-clan.ts'
import { aKey } from '../../support/public-keys.ts'

describe('forgetEverywhere()', () => {
  test('takes a machine from all, lets it forget all, and puts off what cannot be reached', async () => {
    const { member, directions } = clanOf('a', 'b', 'c', 'd')
    for (const name of ['b', 'c', 'd']) await add(member('a'), member(name))
    member('b').trouble = 'host-unreachable'

    const { told, itself } = await forgetEverywhere(member('a').deps, id('D'), {})

    expect(told.map(({ gatewayId, state }) => [gatewayId, state])).toEqual([
      ['b', 'pending'],
      ['c', 'done'],
    ])
    expect(itself).toMatchObject({ gatewayId: 'd', state: 'done' })
    expect(member('d').state.peers).toEqual([])
    expect(directions().filter(pair => pair.includes('d'))).toEqual([])
    expect(pendingOf(member('a'))).toEqual(['forget d to b'])
    member('b').trouble = undefined
    await settlePending(member('a').deps, anyTime)
    expect(member('b').state.peers.map(peer => peer.gatewayId)).not.toContain('d')
  })

  test('a machine that is added again is not forgotten by what waited', async () => {
    const { member, directions } = clanOf('a', 'b', 'c')
    for (const name of ['b', 'c']) await add(member('a'), member(name))
    member('b').trouble = 'host-unreachable'
    await forgetEverywhere(member('a').deps, id('c'), {})
    await add(member('a'), member('c'))
    member('b').trouble = undefined

    await settlePending(member('a').deps, anyTime)

    expect(directions()).toHaveLength(6)
  })
})

describe('revokeEverywhere()', () => {
  test('locks a machine out everywhere without talking to it; who was away does so at next contact', async () => {
    const { member, directions } = clanOf('a', 'b', 'c', 'thief')
    for (const name of ['b', 'c', 'thief']) await add(member('a'), member(name))
    member('b').trouble = 'host-unreachable'
    const before = member('thief').steps.length

    const { told } = await revokeEverywhere(member('a').deps, id('thief'), {})

    expect(member('thief').steps).toHaveLength(before)
    expect(told.map(({ state }) => state)).toEqual(['pending', 'done'])
    expect(directions().filter(pair => pair.startsWith('thief>'))).toEqual(['thief>b'])
    member('b').trouble = undefined
    await settlePending(member('a').deps, anyTime)
    expect(directions().filter(pair => pair.startsWith('thief>'))).toEqual([])
  })

  test('who has not heard of it cannot bring it back; an add where it was revoked lifts it everywhere', async () => {
    const { member, directions } = clanOf('a', 'b', 'c', 'thief')
    for (const name of ['b', 'c', 'thief']) await add(member('a'), member(name))
    member('b').trouble = 'host-unreachable'
    await revokeEverywhere(member('a').deps, id('thief'), {})
    member('b').trouble = undefined

    const { introductions } = await add(member('b'), member('thief'))

    expect(introductions.map(({ gatewayId, state }) => [gatewayId, state])).toEqual([
      ['a', 'refused'],
      ['c', 'refused'],
    ])
    expect(introductions[0]?.reason).toContain('revoked here on 2026-11-20')
    expect(directions().filter(pair => pair.includes('thief'))).toEqual(['b>thief', 'thief>b'])

    const { warnings } = await add(member('a'), member('thief'))
    expect(warnings).toContainEqual(expect.stringContaining('was revoked on 2026-11-20'))
    expect(directions()).toHaveLength(12)
  })

  describe('a new machine under the revoked name', () => {
    const keys = { clan: aKey('new clan key'), host: aKey('new host key') }
    const withReplacement = async () => {
      const clan = clanOf('a', 'b', 'thief')
      for (const name of ['b', 'thief']) await add(clan.member('a'), clan.member(name))
      clan.member('b').trouble = 'host-unreachable'
      await revokeEverywhere(clan.member('a').deps, id('thief'), {})
      const { ip } = clan.member('thief')
      Object.assign(clan.member('thief').deps, { clanKey: keys.clan, ownHostKey: async () => keys.host })
      const { offeredHostKey } = clan.member('a').deps
      const offered = async (host: string, port: number) =>
        host === ip ? keys.host : offeredHostKey(host, port)
      Object.assign(clan.member('a').deps, { offeredHostKey: offered })
      return clan
    }

    test('takes the old keys from who had not heard of the revocation', async () => {
      const { member } = await withReplacement()

      await add(member('a'), member('thief'))

      expect(member('b').granted.get('thief')).toEqual(aKey('thief'))
      member('b').trouble = undefined
      await settlePending(member('a').deps, anyTime)
      expect(pendingOf(member('a'))).toEqual([])
      expect(member('b').granted.get('thief')).toEqual(keys.clan)
      expect(member('b').pins.get('thief')).toEqual([keys.host])
      expect(inForce(member('b').state.revocations)).toEqual([])
    })

    test('that who was told of it refuses is not taken for done', async () => {
      const { member } = await withReplacement()
      await add(member('a'), member('thief'))
      const grant = async () => Promise.reject(new ClawError('store-unavailable', 'full'))
      Object.assign(member('b').deps, { grant })
      member('b').trouble = undefined

      const settled = await settlePending(member('a').deps, anyTime)

      expect(settled).toMatchObject([{ kind: 'introduce', state: 'refused', reason: 'full' }])
      expect(member('b').granted.has('thief')).toBe(false)
      expect(pendingOf(member('a'))).toEqual(['introduce thief to b'])
    })

    test('that cannot be enrolled after all leaves the order to revoke on the list', async () => {
      const { member } = await withReplacement()
      const grant = async () => Promise.reject(new ClawError('store-unavailable', 'full'))

      await expect(
        add({ ...member('a'), deps: { ...member('a').deps, grant } }, member('thief')),
      ).rejects.toMatchObject({ message: 'full' })

      expect(pendingOf(member('a'))).toEqual(['revoke thief to b'])
    })

    test('whose enrolment is killed before it is stored leaves the order to revoke standing', async () => {
      const { member } = await withReplacement()
      const killed = new TypeError('killed')
      const store = {
        ...member('a').deps.store,
        commitRound: async () => Promise.reject(killed),
        removePending: async () => Promise.reject(killed),
      }
      await expect(
        add({ ...member('a'), deps: { ...member('a').deps, store } }, member('thief')),
      ).rejects.toThrow('killed')
      expect(pendingOf(member('a'))).toEqual(['introduce thief to b'])
      member('b').trouble = undefined

      const settled = await settlePending(member('a').deps, anyTime)

      expect(settled).toMatchObject([{ kind: 'revoke', gatewayId: 'b', about: 'thief', state: 'done' }])
      expect(member('b').granted.has('thief')).toBe(false)
    })
  })

  test('only an owner who names the machine takes it in again, not a tool that enrols whom it hears', async () => {
    const { member, directions } = clanOf('a', 'thief')
    await add(member('a'), member('thief'))
    await revokeEverywhere(member('a').deps, id('thief'), {})

    await expect(add(member('a'), member('thief'), { liftsRevocation: false })).rejects.toMatchObject({
      code: 'peer-refused',
      hint: expect.stringContaining('claw-setup-ssh add'),
    })

    expect(directions()).toEqual([])
    expect(member('a').state.revocations).toMatchObject([{ liftedAt: null }])
  })

  test('again, it reaches who could not be told before', async () => {
    const { member } = clanOf('a', 'b', 'thief')
    for (const name of ['b', 'thief']) await add(member('a'), member(name))
    member('b').trouble = 'auth-denied'
    await revokeEverywhere(member('a').deps, id('thief'), {})
    member('b').trouble = undefined

    const { told } = await revokeEverywhere(member('a').deps, id('thief'), {})

    expect(told).toMatchObject([{ gatewayId: 'b', state: 'done' }])
    expect(member('b').state.revocations).toHaveLength(1)
  })
})

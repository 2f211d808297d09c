import { describe, expect, test } from 'vitest'
import { addMachine } from '../../../src/actions/add-machine.ts'
import { planEnrolment } from '../../../src/actions/enrol.ts'
import { settlePending } from '../../../src/actions/settle-pending.ts'
import { revokeEverywhere } from '../../../src/actions/tell-fleet.ts'
import { isDue } from '../../../src/fleet/pending.ts'
import { id } from '../../support/builders.ts'
import { add, anyTime, clanOf, type Member, pendingOf } from '../../support/memory-clan.ts'

describe('addMachine()', () => {
  const enrol = (on: Member, newcomer: Member) =>
    addMachine(on.deps, { user: 'claw', host: newcomer.ip, port: 22, acceptNew: true, oneWay: false }, 15)

  test('enrols, introduces, and does what else waited for the machines it met', async () => {
    const { member, directions } = clanOf('a', 'b', 'c', 'd')
    await enrol(member('a'), member('b'))
    member('b').trouble = 'host-unreachable'
    await enrol(member('a'), member('c'))
    member('b').trouble = undefined

    const { introductions } = await enrol(member('a'), member('d'))

    expect(introductions.map(({ state }) => state)).toEqual(['introduced', 'introduced'])
    expect(directions()).toHaveLength(12)
    expect(pendingOf(member('a'))).toEqual([])
  })

  test('a plan of it says whom it would meet, and that a revocation would be lifted', async () => {
    const { member } = clanOf('a', 'b', 'thief')
    for (const name of ['b', 'thief']) await enrol(member('a'), member(name))
    await revokeEverywhere(member('a').deps, id('thief'), {})

    const plan = await planEnrolment(member('a').deps, {
      ...{ user: 'claw', host: '10.0.0.3', port: 22, acceptNew: true, oneWay: false },
    })

    expect(plan.fleet).toEqual(['b'])
    expect(plan.warnings).toEqual([expect.stringContaining('"thief" was revoked on 2026-11-20')])
    expect(member('a').state.revocations).toMatchObject([{ liftedAt: null }])
  })
})

describe('settlePending()', () => {
  const withAbsentee = async () => {
    const clan = clanOf('a', 'b', 'c', 'd')
    await add(clan.member('a'), clan.member('b'))
    clan.member('b').trouble = 'host-unreachable'
    for (const name of ['c', 'd']) await add(clan.member('a'), clan.member(name))
    return clan
  }

  test('does at next contact what waited for it, and takes it off the list', async () => {
    const { member, directions } = await withAbsentee()
    expect(pendingOf(member('a'))).toEqual(['introduce c to b', 'introduce d to b'])
    member('b').trouble = undefined

    const settled = await settlePending(member('a').deps, anyTime)

    expect(settled.map(({ state }) => state)).toEqual(['done', 'done'])
    expect(directions()).toHaveLength(12)
    expect(pendingOf(member('a'))).toEqual([])
  })

  test('logs in nowhere while one of the two machines is away, and when there is no time left', async () => {
    const { member } = await withAbsentee()
    member('b').trouble = undefined
    const count = () => ['b', 'c', 'd'].map(name => member(name).steps.length)
    const before = count()

    expect(await settlePending(member('a').deps, { ...anyTime, isThere: one => one === 'b' })).toEqual([])
    expect(await settlePending(member('a').deps, { ...anyTime, isThere: one => one !== 'b' })).toEqual([])
    expect(await settlePending(member('a').deps, { ...anyTime, mayGoOn: () => false })).toEqual([])

    expect(count()).toEqual(before)
    expect(pendingOf(member('a'))).toHaveLength(2)
  })

  test('a login that fails is counted, and tried again ever later', async () => {
    const { member } = await withAbsentee()
    member('b').trouble = 'auth-denied'

    await settlePending(member('a').deps, anyTime)
    await settlePending(member('a').deps, anyTime)

    const [item] = member('a').state.pending
    expect(item).toMatchObject({ tries: 2, lastError: 'auth-denied at "10.0.0.2"' })
    if (item === undefined) throw new Error('no item')
    const later = (minutes: number) => new Date(Date.parse(item.lastTriedAt ?? '') + minutes * 60_000)
    expect([later(29), later(30), later(-1)].map(at => isDue(item, at, 15))).toEqual([false, true, true])
    expect(isDue({ ...item, tries: 50 }, later(24 * 60), 15)).toBe(true)
    expect(isDue({ ...item, tries: 50 }, later(24 * 60 - 1), 15)).toBe(false)
  })

  test('a machine that takes logins and says nothing is waited for once, and then ever less often', async () => {
    const { member } = clanOf('a', 'b', 'c', 'd')
    for (const name of ['b', 'c', 'd']) await add(member('a'), member(name))
    member('b').trouble = 'host-unreachable'
    for (const name of ['c', 'd']) await revokeEverywhere(member('a').deps, id(name), {})
    member('b').trouble = 'ssh-timeout'

    const settled = await settlePending(member('a').deps, anyTime)

    expect(settled.map(({ about, state }) => [about, state])).toEqual([['c', 'pending']])
    expect(
      member('a')
        .state.pending.map(({ about, tries }) => [about, tries])
        .toSorted(),
    ).toEqual([
      ['c', 1],
      ['d', 0],
    ])
  })

  test('drops what is about machines that are no longer enrolled', async () => {
    const { member } = await withAbsentee()
    member('a').state.peers = member('a').state.peers.filter(peer => peer.gatewayId !== 'c')

    await settlePending(member('a').deps, { ...anyTime, isThere: () => false })

    expect(pendingOf(member('a'))).toEqual(['introduce d to b'])
  })
})

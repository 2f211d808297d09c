import { describe, expect, test } from 'vitest'
import { addMachine } from '../../../src/actions/add-machine.ts'
import { enrolPeer, planEnrolment } from '../../../src/actions/enrol.ts'
import type { EnrolRequest } from '../../../src/actions/enrolment.ts'
import { introduceToFleet } from '../../../src/actions/introduce-fleet.ts'
import { settlePending } from '../../../src/actions/settle-pending.ts'
import { forgetEverywhere, revokeEverywhere } from '../../../src/actions/tell-fleet.ts'
import type { ErrorCode } from '../../../src/fleet/error.ts'
import { isDue } from '../../../src/fleet/pending.ts'
import { id } from '../../support/builders.ts'
import { type Member, memoryClan } from '../../support/memory-clan.ts'

const start = Date.parse('2026-11-20T12:00:00Z')

/** A clan whose clock moves on with every look at it, so that of two orders one is later. */
const clanOf = (...names: readonly string[]) => {
  let ticks = 0
  return memoryClan(names, () => new Date(start + ticks++ * 1000))
}

/** `claw-setup-ssh add` typed on one machine for another. */
async function add(on: Member, newcomer: Member, more: Partial<EnrolRequest> = {}) {
  const login = { user: 'claw', host: newcomer.ip, port: 22, acceptNew: true, oneWay: false }
  const request = { ...login, liftsRevocation: true, ...more }
  const enrolment = await enrolPeer(on.deps, request)
  if (enrolment.newcomer === null) throw new Error('no newcomer')
  return { ...enrolment, introductions: await introduceToFleet(on.deps, enrolment.newcomer) }
}

const anyTime = { isThere: () => true, isDue: () => true, mayGoOn: () => true }
const pendingOf = ({ state }: Member) =>
  state.pending.map(({ kind, gatewayId, about }) => `${kind} ${about} to ${gatewayId}`)

describe('introduceToFleet()', () => {
  test('after two adds typed on one machine all three reach each other, each direction proved', async () => {
    const { member, directions } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))

    const { introductions } = await add(member('a'), member('c'))

    expect(directions().toSorted()).toEqual(['a>b', 'a>c', 'b>a', 'b>c', 'c>a', 'c>b'])
    const proved = { outcome: 'ack', reason: null, next: null }
    expect(introductions).toEqual([
      { gatewayId: 'b', state: 'introduced', reason: null, isReached: proved, reaches: proved },
    ])
    expect(pendingOf(member('a'))).toEqual([])
    expect(member('c').state.peers.find(peer => peer.gatewayId === 'b')).toMatchObject({
      ip: '10.0.0.2',
      leadNumber: 2,
    })
  })

  test('ten machines, nine adds: ninety directions, and no more logins than two each and two for the newcomer', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `m${n + 1}`)
    const { member, directions } = clanOf(...names)
    for (const name of names.slice(1, 9)) await add(member('m1'), member(name))
    const before = names.map(name => member(name).steps.length)

    await add(member('m1'), member('m10'))

    expect(directions()).toHaveLength(90)
    const logins = names.map((name, n) => member(name).steps.length - (before[n] ?? 0))
    expect(logins).toEqual([0, 2, 2, 2, 2, 2, 2, 2, 2, 5])
  })

  test('twice is the same as once', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    await add(member('a'), member('c'))
    const before = [member('b').state.peers, member('c').state.peers]

    await add(member('a'), member('c'))

    expect([member('b').state.peers, member('c').state.peers]).toEqual(before)
  })

  test.each<[ErrorCode, number]>([
    ['host-unreachable', 0],
    ['auth-denied', 1],
  ])(
    'one machine with %s keeps nobody else out and goes to the list with the reason',
    async (code, tries) => {
      const { member, directions } = clanOf('a', 'b', 'c', 'd')
      for (const name of ['b', 'c']) await add(member('a'), member(name))
      member('b').trouble = code

      const { introductions } = await add(member('a'), member('d'))

      expect(introductions.map(({ gatewayId, state }) => [gatewayId, state])).toEqual([
        ['b', 'pending'],
        ['c', 'introduced'],
      ])
      expect(directions()).toContain('c>d')
      expect(directions()).not.toContain('d>b')
      expect(member('a').state.pending).toMatchObject([
        { gatewayId: 'b', about: 'd', tries, lastError: `${code} at "10.0.0.2"` },
      ])
    },
  )

  test('when the newcomer is lost in between, everybody stays on the list', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    const { newcomer } = await enrolPeer(member('a').deps, {
      ...{ user: 'claw', host: '10.0.0.3', port: 22, acceptNew: true, oneWay: false },
    })
    member('c').trouble = 'ssh-timeout'

    if (newcomer === null) throw new Error('no newcomer')
    const [introduction] = await introduceToFleet(member('a').deps, newcomer)

    expect(introduction).toMatchObject({ gatewayId: 'b', state: 'pending', isReached: null })
    expect(pendingOf(member('a'))).toEqual(['introduce c to b'])
  })

  test('an enrolment that is cut off before the introductions leaves them on the list', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    const { store } = member('a').deps
    const atEnrolment: string[][] = []
    const watched = {
      ...store,
      commitRound: (change: Parameters<typeof store.commitRound>[0]) => {
        atEnrolment.push(pendingOf(member('a')))
        return store.commitRound(change)
      },
    }

    await add({ ...member('a'), deps: { ...member('a').deps, store: watched } }, member('c'))

    expect(atEnrolment).toEqual([['introduce c to b']])
  })

  test('an enrolment that fails leaves nothing on the list', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    const pinHostKey = async () => Promise.reject(new Error('disk'))

    const failing = { ...member('a'), deps: { ...member('a').deps, pinHostKey } }

    await expect(add(failing, member('c'))).rejects.toThrow('disk')
    expect(pendingOf(member('a'))).toEqual([])
  })

  test('a machine that is one-way is watched by all and watches nobody, whichever came first', async () => {
    const { member, directions } = clanOf('a', 'b', 'vps', 'c', 'other')
    await add(member('a'), member('b'))
    const first = await add(member('a'), member('vps'), { oneWay: true })
    await add(member('a'), member('c'))
    const last = await add(member('a'), member('other'), { oneWay: true })

    const seen = directions()
    expect(seen.filter(pair => /^(vps|other)>/.test(pair))).toEqual([])
    expect(seen).toEqual(expect.arrayContaining(['b>vps', 'c>vps', 'b>other', 'c>other', 'b>c', 'c>b']))
    for (const name of ['b', 'c']) expect([...member(name).granted.keys()]).not.toContain('vps')
    expect(member('c').state.peers.find(peer => peer.gatewayId === 'vps')).toMatchObject({ oneWay: true })
    expect(member('vps').state.peers).toEqual([])
    expect(first.introductions[0]).toMatchObject({ isReached: { outcome: 'off', reason: 'one-way' } })
    expect(last.introductions.find(({ gatewayId }) => gatewayId === 'vps')).toMatchObject({ state: 'off' })
  })

  test('machines without a gate of ours are left as they are', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    member('a').state.peers = member('a').state.peers.map(peer => ({ ...peer, legacyKey: '/k' }))

    const { introductions } = await add(member('a'), member('c'))

    expect(introductions).toMatchObject([{ state: 'off', reason: 'legacy' }])
    expect(member('c').state.peers.map(peer => peer.gatewayId)).toEqual(['a'])
  })

  test('a key the owner named for one machine is not the only one that is tried on the others', async () => {
    const { member, directions } = clanOf('a', 'b')
    await add(member('a'), member('b'))
    const { introductions } = await add(member('a'), member('b'))
    expect(introductions).toEqual([])

    const clan = clanOf('a', 'b', 'c')
    await add(clan.member('a'), clan.member('b'))
    const { newcomer } = await enrolPeer(clan.member('a').deps, {
      ...{ user: 'claw', host: '10.0.0.3', port: 22, acceptNew: true, oneWay: false },
    })
    if (newcomer === null) throw new Error('no newcomer')
    await introduceToFleet(clan.member('a').deps, { ...newcomer, files: { identityFile: '/wrong' } })

    expect(clan.directions()).toHaveLength(6)
    expect(directions()).toHaveLength(2)
  })

  test('a machine behind a tunnel of ours is told to others by its own address', async () => {
    const { member } = clanOf('a', 'b', 'c')
    await add(member('a'), member('b'))
    const tunnel = member('a').state.peers.map(peer => ({ ...peer, ip: '127.0.0.1', sshPort: 2222 }))
    member('a').state.peers = tunnel
    const asOperator: Member['deps']['asOperator'] = (login, step) =>
      member('a').deps.asOperator(
        { ...login, host: login.host === '127.0.0.1' ? '10.0.0.2' : login.host },
        step,
      )

    await add({ ...member('a'), deps: { ...member('a').deps, asOperator } }, member('c'))

    expect(member('c').state.peers.find(peer => peer.gatewayId === 'b')).toMatchObject({
      ...{ ip: '10.0.0.2', sshPort: 22 },
    })
  })
})

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

  test('drops what is about machines that are no longer enrolled', async () => {
    const { member } = await withAbsentee()
    member('a').state.peers = member('a').state.peers.filter(peer => peer.gatewayId !== 'c')

    await settlePending(member('a').deps, { ...anyTime, isThere: () => false })

    expect(pendingOf(member('a'))).toEqual(['introduce d to b'])
  })
})

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

import { describe, expect, test } from 'vitest'
import { enrolPeer } from '../../../src/actions/enrol.ts'
import { introduceToFleet } from '../../../src/actions/introduce-fleet.ts'
import type { ErrorCode } from '../../../src/fleet/error.ts'
import { add, clanOf, type Member, pendingOf } from '../../support/memory-clan.ts'

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

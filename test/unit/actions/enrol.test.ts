import { describe, expect, test } from 'vitest'
import { enrolPeer, planEnrolment } from '../../../src/actions/enrol.ts'
import type { EnrolDeps, EnrolRequest } from '../../../src/actions/enrolment.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { type IntroducedResult, introductionAnswerDocument } from '../../../src/fleet/introduction-answer.ts'
import type { OperatorReport, OperatorStep } from '../../../src/fleet/operator-step.ts'
import { idKey } from '../../../src/fleet/parse.ts'
import type { Peer } from '../../../src/fleet/peer.ts'
import type { PublicKey } from '../../../src/fleet/public-key.ts'
import { ackOf, anIdentity, aPeer, id, miss } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'
import { aKey, fingerprintOf } from '../../support/public-keys.ts'

const now = new Date('2026-11-20T12:00:00Z')
const hostKey = aKey('host of studio')
const request: EnrolRequest = { user: 'claw', host: '10.0.0.2', port: 22, acceptNew: true, oneWay: false }
const known = (facts: Partial<Peer> = {}) => aPeer({ hostKey: fingerprintOf(hostKey), ...facts })

/** This machine "mini" and another machine "studio", whose answers a test can bend. */
function worldOf(peers: readonly Peer[] = [], more: Partial<EnrolDeps> = {}) {
  const store = storeOf(peers)
  const pins = new Map<string, readonly PublicKey[]>(peers.map(peer => [idKey(peer.gatewayId), [hostKey]]))
  const granted = new Map<string, PublicKey>()
  const steps: OperatorStep[] = []
  const there = { gatewayId: id('studio'), leadNumber: 2, clanPublicKey: aKey('studio'), hostKeys: [hostKey] }
  let result: IntroducedResult['result'] = 'added'
  let report: Partial<OperatorReport> = {}
  const answer = (step: OperatorStep): string => {
    if (step.kind === 'ping') {
      const peers = step.gatewayIds.map(gatewayId => ({ gatewayId, outcome: 'ack', reason: null }))
      return JSON.stringify({ peers })
    }
    const given = step.kind === 'introduce' ? step.request : { machines: [], forget: [] }
    const machines = [
      ...given.machines.map(({ gatewayId }) => ({
        gatewayId,
        result,
        reason: result === 'refused' ? 'no' : null,
      })),
      ...given.forget.map(gatewayId => ({ gatewayId, result: 'forgotten' as const, reason: null })),
    ]
    const them = { name: 'Studio', sshUser: 'claw', sshPort: 22, version: '2.0.0', ...there, machines }
    return JSON.stringify(introductionAnswerDocument(them))
  }
  const deps: EnrolDeps = {
    self: anIdentity(),
    store,
    clock: { now: () => now },
    clanKey: aKey('mini'),
    fingerprint: fingerprintOf,
    offeredHostKey: async () => hostKey,
    knownHostKeys: async () => [],
    ownHostKey: async () => aKey('host of mini'),
    pinsOf: one => pins.get(idKey(one)) ?? [],
    pinHostKey: async ({ gatewayId }, key) => void pins.set(idKey(gatewayId), [key]),
    unpinHost: async one => pins.delete(idKey(one)),
    grant: async (one, key) => {
      const before = granted.has(one)
      granted.set(one, key)
      return before ? 'unchanged' : 'added'
    },
    grantOf: async one => granted.get(one),
    withdraw: async one => granted.delete(one),
    asOperator: async (_login, step) => {
      steps.push(step)
      const output = answer(step)
      return {
        ownAddress: '10.0.0.1',
        setUp: 'yes',
        gatewayId: there.gatewayId,
        output,
        complaint: '',
        ...report,
      }
    },
    probe: async peer => ackOf(peer, 12),
    onProgress: () => undefined,
    ...more,
  }
  const introduced = () => steps.flatMap(step => (step.kind === 'introduce' ? [step.request] : []))
  return {
    ...{ deps, state: store.state, pins, granted, steps, there, introduced },
    setResult: (given: IntroducedResult['result']) => {
      result = given
    },
    setReport: (given: Partial<OperatorReport>) => {
      report = given
    },
  }
}

test('enrolPeer() pins, grants, records and proves both directions', async () => {
  const world = worldOf()

  const enrolment = await enrolPeer(world.deps, request)

  expect(enrolment).toMatchObject({
    change: 'added',
    hostKeyBy: '--accept-new-host-key',
    forwardMs: 12,
    warnings: [],
  })
  expect(enrolment.reverse).toEqual({ outcome: 'ack', reason: null, next: null })
  expect(world.state.peers).toEqual([
    expect.objectContaining({
      ...{
        gatewayId: 'studio',
        ip: '10.0.0.2',
        status: 'online',
        clawClanInstalled: true,
        addedManually: true,
      },
      ...{ hostKey: fingerprintOf(hostKey), clanKey: fingerprintOf(aKey('studio')) },
    }),
  ])
  expect(world.pins.get('studio')).toEqual([hostKey])
  expect(world.granted.get('studio')).toEqual(aKey('studio'))
  expect(world.state.events).toMatchObject([{ event: 'peer_added', gatewayId: 'studio' }])
})

test('the other machine is told how it reaches us: the address it saw, our own sshd and its key', async () => {
  const world = worldOf()

  await enrolPeer(world.deps, request)

  expect(world.introduced().at(-1)?.machines).toEqual([
    expect.objectContaining({
      ...{ gatewayId: 'mini', clanPublicKey: aKey('mini') },
      reach: { ip: '10.0.0.1', sshPort: 22, hostKey: aKey('host of mini') },
    }),
  ])
})

test('without an sshd of our own it is enrolled all the same, is told no way back, and the reason is said', async () => {
  const world = worldOf([], { ownHostKey: async () => undefined })

  const { reverse } = await enrolPeer(world.deps, request)

  expect(reverse).toMatchObject({ outcome: 'off', reason: "this machine's Remote Login is off" })
  expect(world.introduced().at(-1)?.machines[0]?.reach).toBeNull()
  expect(world.state.peers[0]).not.toHaveProperty('oneWay')
  expect(world.steps.some(({ kind }) => kind === 'ping')).toBe(false)
})

test('--one-way lets the other machine not in', async () => {
  const world = worldOf()

  await enrolPeer(world.deps, { ...request, oneWay: true })

  expect(world.granted.size).toBe(0)
  expect(world.state.peers[0]).toMatchObject({ oneWay: true })
})

test('a machine enrolled again keeps its standing history and loses what no longer holds', async () => {
  const before = known({
    status: 'offline',
    missedPings: 9,
    oneWay: true,
    legacyKey: '/k',
    discoveredAt: 'then',
  })
  const world = worldOf([before])

  const { change } = await enrolPeer(world.deps, { ...request, host: '10.0.0.9', gatewayId: id('STUDIO') })

  expect(change).toBe('updated')
  expect(world.state.peers).toHaveLength(1)
  expect(world.state.peers[0]).toMatchObject({
    status: 'online',
    missedPings: 0,
    ip: '10.0.0.9',
    discoveredAt: 'then',
  })
  expect(world.state.peers[0]).not.toHaveProperty('oneWay')
  expect(world.state.peers[0]).not.toHaveProperty('legacyKey')
  expect(world.state.events.map(({ event }) => event)).toEqual(['address_changed', 'online'])
})

describe('enrolPeer() stores nothing and takes back what it told the other machine', () => {
  const failing = new ClawError('store-unavailable', 'disk is full')
  test.each([
    ['the clan key is not answered', { probe: async () => miss }, 'peer-refused'],
    [
      'our authorized_keys cannot be edited',
      { grant: async () => Promise.reject(failing) },
      'store-unavailable',
    ],
    [
      'the host key cannot be pinned',
      { pinHostKey: async () => Promise.reject(failing) },
      'store-unavailable',
    ],
  ] as const)('when %s', async (_what, more, code) => {
    const world = worldOf([], more)

    await expect(enrolPeer(world.deps, request)).rejects.toMatchObject({ code })
    expect(world.state.peers).toEqual([])
    expect([world.pins.size, world.granted.size]).toEqual([0, 0])
    expect(world.introduced().at(-1)?.forget).toEqual(['mini'])
  })

  test('when the record cannot be written', async () => {
    const world = worldOf()
    const store = { ...world.deps.store, commitRound: async () => Promise.reject(failing) }

    await expect(enrolPeer({ ...world.deps, store }, request)).rejects.toMatchObject({
      code: 'store-unavailable',
    })
    expect([world.pins.size, world.granted.size]).toEqual([0, 0])
    expect(world.introduced().at(-1)?.forget).toEqual(['mini'])
  })

  test('and names what it could not take back', async () => {
    const world = worldOf([], { probe: async () => miss })
    const asOperator: EnrolDeps['asOperator'] = async (login, step) => {
      if (step.kind === 'introduce' && step.request.forget.length > 0)
        throw new ClawError('ssh-timeout', 'gone')
      return world.deps.asOperator(login, step)
    }

    await expect(enrolPeer({ ...world.deps, asOperator }, request)).rejects.toMatchObject({
      message: expect.stringMatching(
        /left behind: this machine's key on "10.0.0.2".*claw-setup-ssh forget mini/,
      ),
    })
  })

  test('but not what was there before', async () => {
    const world = worldOf([known()], { probe: async () => miss })
    world.setResult('unchanged')

    await expect(enrolPeer(world.deps, request)).rejects.toMatchObject({ code: 'peer-refused' })
    expect(world.introduced().flatMap(({ forget }) => forget)).toEqual([])
    expect(world.pins.size).toBe(1)
  })
})

describe('enrolPeer() changes nothing anywhere', () => {
  const untouched = async (world: ReturnType<typeof worldOf>, given: EnrolRequest, failure: object) => {
    const before = world.state.peers
    await expect(enrolPeer(world.deps, given)).rejects.toMatchObject(failure)
    expect(world.introduced().flatMap(({ machines }) => machines)).toEqual([])
    expect(world.state.peers).toBe(before)
  }

  test('for our own id', async () => {
    const world = worldOf()
    await untouched(
      world,
      { ...request, gatewayId: id('MINI') },
      { code: 'bad-input', message: expect.stringContaining('own id') },
    )
    expect(world.steps).toEqual([])
  })

  test('for ourselves, and for another machine with our id', async () => {
    const world = worldOf()
    world.there.gatewayId = id('mini')
    await untouched(world, request, { message: expect.stringContaining('same id as this machine') })
    world.there.clanPublicKey = aKey('mini')
    await untouched(world, request, { message: expect.stringContaining('it is this machine') })
  })

  test('when another id answers than the one asked for', async () => {
    const failure = { code: 'bad-input', message: expect.stringContaining('says it is "studio"') }
    await untouched(worldOf(), { ...request, gatewayId: id('attic') }, failure)
  })

  test('when a known id shows another host key at a new address', async () => {
    const other = aKey('host of somebody')
    const world = worldOf([known()], { offeredHostKey: async () => other })
    const both = new RegExp(
      `${fingerprintOf(hostKey).slice(0, 20)}.*${fingerprintOf(other).slice(0, 20)}`.replaceAll('+', '.'),
    )
    await untouched(
      world,
      { ...request, host: '10.0.0.66' },
      { code: 'host-key-changed', message: expect.stringMatching(both) },
    )
  })

  test('when a known address shows another host key: not even a login', async () => {
    const world = worldOf([known()], { offeredHostKey: async () => aKey('host of somebody') })
    await untouched(world, request, { code: 'host-key-changed' })
    expect(world.steps).toEqual([])
  })

  test('where claw-clan is not set up', async () => {
    const world = worldOf()
    world.setReport({ setUp: 'no', output: '' })
    await untouched(world, request, {
      code: 'peer-not-set-up',
      hint: expect.stringMatching(/claw-remote-install.*--legacy/),
    })
  })

  test('where its programs do not start', async () => {
    const world = worldOf()
    world.setReport({ output: '', complaint: 'sh: node: not found' })
    await untouched(world, request, {
      code: 'bad-answer',
      message: expect.stringContaining('node: not found'),
    })
  })
})

test('a refusal by the other machine is passed on, with its reason', async () => {
  const world = worldOf()
  world.setResult('refused')

  await expect(enrolPeer(world.deps, request)).rejects.toMatchObject({
    code: 'peer-refused',
    message: expect.stringMatching(/: no$/),
  })
  expect(world.state.peers).toEqual([])
})

test('what is odd and no obstacle is said in one line each', async () => {
  const world = worldOf([
    aPeer({ gatewayId: id('twin'), leadNumber: 2, ip: '10.0.0.3', hostKey: fingerprintOf(hostKey) }),
  ])
  world.there.hostKeys = [aKey('inner')]

  const { warnings } = await enrolPeer(world.deps, { ...request, name: 'Attic' })

  expect(warnings).toEqual([
    expect.stringContaining('"twin" has lead number 2 too'),
    expect.stringContaining('"twin" has the same host key'),
    expect.stringContaining('forwarder'),
    expect.stringContaining('calls itself "Studio"'),
  ])
})

test.each([
  [
    'a miss',
    {
      output: JSON.stringify({ peers: [{ gatewayId: 'mini', outcome: 'miss', reason: 'host-unreachable' }] }),
    },
    'miss',
  ],
  ['a run that was skipped', { output: JSON.stringify({ skipped: {} }) }, 'unproven'],
  ['no answer', { output: '', complaint: 'x' }, 'unproven'],
])('%s on the way back leaves the peer enrolled and says what to do', async (_what, report, outcome) => {
  const world = worldOf()
  const asOperator: EnrolDeps['asOperator'] = async (login, step) => ({
    ...(await world.deps.asOperator(login, step)),
    ...(step.kind === 'ping' ? report : {}),
  })

  const { reverse } = await enrolPeer({ ...world.deps, asOperator }, request)

  expect(reverse).toMatchObject({ outcome, next: expect.any(String) })
  expect(world.state.peers).toHaveLength(1)
})

test('planEnrolment() looks, says what would change on both machines, and changes nothing', async () => {
  const world = worldOf([
    aPeer({ gatewayId: id('attic'), clanKey: 'SHA256:x' }),
    aPeer({ gatewayId: id('old') }),
  ])
  const before = world.state.peers

  const plan = await planEnrolment(world.deps, request)

  expect(plan).toMatchObject({
    dryRun: true,
    gatewayId: 'studio',
    change: 'added',
    oneWay: false,
    fleet: ['attic'],
  })
  expect(plan.here.join()).toMatch(
    /authorized_keys: .*studio.*known_hosts: studio at 10.0.0.2.*peers\/studio.json/,
  )
  expect(plan.there.join()).toMatch(
    /authorized_keys: .*mini.*known_hosts: mini at 10.0.0.1.*peers\/mini.json/,
  )
  expect(world.introduced()).toEqual([{ machines: [], forget: [] }])
  expect([world.state.peers, world.pins.size, world.granted.size]).toEqual([before, 2, 0])
})

describe('--legacy', () => {
  const legacy = { ...request, legacyKey: '/keys/old', name: 'Old One' }

  test('enrols by the key file alone and changes nothing there', async () => {
    const world = worldOf()
    world.setReport({ setUp: 'older' })

    const { peer } = await enrolPeer(world.deps, legacy)

    expect(peer).toMatchObject({
      gatewayId: 'studio',
      legacyKey: '/keys/old',
      clawClanInstalled: true,
      status: 'online',
    })
    expect(world.steps).toEqual([{ kind: 'look' }])
    expect(world.granted.size).toBe(0)
    expect(world.pins.get('studio')).toEqual([hostKey])
  })

  test('stores nothing when the proof fails, and names a line that can be pasted', async () => {
    const world = worldOf([], { probe: async () => miss })

    await expect(enrolPeer(world.deps, { ...legacy, legacyKey: '/my keys/$(id)' })).rejects.toMatchObject({
      code: 'peer-refused',
      hint: expect.stringContaining("ssh -i '/my keys/$(id)' -p 22 claw@"),
    })
    expect(world.state.peers).toEqual([])
    expect(world.pins.size).toBe(0)
  })
})

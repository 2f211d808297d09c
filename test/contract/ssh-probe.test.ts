import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newNonce } from '../../src/adapters/ids.ts'
import { type ProbedPeer, type ProbeOptions, probePeer } from '../../src/adapters/peer-probe.ts'
import { aPeer, id } from '../support/builders.ts'
import { type GatedSshd, startGatedSshd } from '../support/gated-sshd.ts'
import { hostileServer, misbehaviours } from '../support/hostile.ts'
import { freePort, makeKey, pinOf, type Sshd, startSshd } from '../support/sshd.ts'

let machine: GatedSshd
beforeAll(async () => {
  machine = await startGatedSshd()
})
afterAll(() => machine[Symbol.dispose]())

const peerAt = (sshd: Sshd, facts: Partial<ProbedPeer> = {}): ProbedPeer =>
  aPeer({
    gatewayId: id('Studio'),
    ip: '127.0.0.1',
    sshPort: sshd.port,
    sshUser: userInfo().username,
    ...facts,
  })

const optionsFor = ({ target }: Sshd, more: Partial<ProbeOptions> = {}): ProbeOptions => ({
  key: target.privateKey,
  pins: target.pins,
  timeoutMs: 10_000,
  nonce: newNonce(),
  retryAfterMs: 100,
  ...more,
})

const probe = (facts: Partial<ProbedPeer> = {}, more: Partial<ProbeOptions> = {}, { sshd } = machine) =>
  probePeer(peerAt(sshd, facts), optionsFor(sshd, more))

describe('probePeer()', () => {
  test('brings the identity, the clock and the time it took', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000

    const outcome = await probe()

    expect(outcome).toMatchObject({
      kind: 'ack',
      identity: { gatewayId: 'studio', leadNumber: 1, version: '2.0.0' },
    })
    if (outcome.kind !== 'ack') return
    expect(outcome.peerClock).toBeGreaterThanOrEqual(before)
    expect(outcome.responseMs).toBeGreaterThan(0)
    expect(outcome.responseMs).toBeLessThan(10_000)
  })

  test('finds another machine at the address', async () => {
    expect(await probe({ gatewayId: id('mini') })).toMatchObject({ kind: 'miss', reason: 'wrong-identity' })
  })

  test('does not believe a recorded answer', async () => {
    const recorded = 'echo claw-clan-ack 0123 1795000000 1; echo {}; exit; '
    using parrot = await startGatedSshd({ noise: recorded })

    expect(await probe({}, {}, parrot)).toMatchObject({ kind: 'miss', reason: 'stale-nonce' })
  })

  test.each([
    { why: 'says nothing', noise: 'exit 0; ', detail: 'exit code 0' },
    { why: 'has no gate', noise: 'exec /nowhere/claw-peer; ', detail: '/nowhere/claw-peer' },
    { why: 'prints for ever', noise: 'yes; ', detail: 'longer than' },
  ])('tells of a machine that $why', async ({ noise, detail }) => {
    using broken = await startGatedSshd({ noise })

    const outcome = await probe({}, {}, broken)

    expect(outcome).toMatchObject({
      kind: 'miss',
      reason: 'no-answer',
      detail: expect.stringContaining(detail),
    })
  })

  test.each([
    { why: 'with noise', noise: 'echo Welcome; printf %s more; ' },
    { why: 'with much noise', noise: 'head -c 60000 /dev/zero; ' },
  ])('hears the answer $why before it', async ({ noise }) => {
    using noisy = await startGatedSshd({ noise })

    expect(await probe({}, {}, noisy)).toMatchObject({ kind: 'ack' })
  })

  test('is a miss with its own reason for each thing that can be wrong there', async () => {
    const { folder } = machine.sshd
    const otherKey = readFileSync(makeKey(join(folder, 'other'), 'ed25519'))
    const otherPin = pinOf(makeKey(join(folder, 'other_host'), 'ed25519'))
    using mute = await hostileServer(misbehaviours['says nothing'] ?? (() => {}))
    using liar = await hostileServer(misbehaviours['speaks SSH 1'] ?? (() => {}))

    const outcomes = await Promise.all([
      probe({}, { key: otherKey }),
      probe({}, { pins: [otherPin] }),
      probe({ sshPort: await freePort() }),
      probe({ sshPort: mute.port }, { timeoutMs: 500 }),
      probe({ sshPort: liar.port }),
      probe({ ip: 'no-such-machine.invalid' }),
    ])

    expect(outcomes).toMatchObject([
      { kind: 'miss', reason: 'auth-denied' },
      { kind: 'miss', reason: 'host-key-changed', detail: expect.stringMatching(/SHA256:.*SHA256:/) },
      { kind: 'miss', reason: 'ssh-refused' },
      { kind: 'miss', reason: 'ssh-timeout' },
      { kind: 'miss', reason: 'ssh-failed' },
      expect.objectContaining({ reason: expect.stringMatching(/^(host-unreachable|no-network)$/) }),
    ])
  })

  test('is unmade, and blames nobody, when the fault is ours', async () => {
    const outcomes = await Promise.all([
      probe({}, { key: undefined }),
      probe({}, { key: Buffer.from('damaged') }),
      probe({}, { pins: [] }),
      probe({ ip: '255.255.255.255' }),
      probe({ legacyKey: '/nowhere/key' }),
    ])

    expect(outcomes).toMatchObject([
      { kind: 'unmade', reason: 'no-key' },
      { kind: 'unmade', reason: 'no-key' },
      { kind: 'unmade', reason: 'no-host-key' },
      { kind: 'unmade', reason: 'no-network' },
      { kind: 'unmade', reason: 'no-key', detail: expect.stringContaining('/nowhere/key') },
    ])
  })

  test('stops when told to', async () => {
    using mute = await hostileServer(() => {})
    const reason = new Error('enough')

    const outcome = probe({ sshPort: mute.port }, { signal: AbortSignal.any([AbortSignal.timeout(100)]) })

    await expect(outcome).rejects.toMatchObject({ name: 'TimeoutError' })
    await expect(probe({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('a busy sshd', () => {
  test('is asked again, and is no miss when it has room then', async () => {
    using full = await startGatedSshd({ config: ['MaxStartups 1:100:1', 'LoginGraceTime 60'] })
    const holder = connect(full.sshd.port, '127.0.0.1')
    await vi.waitFor(() => expect(holder.bytesRead).toBeGreaterThan(0), { timeout: 5_000, interval: 10 })

    const outcome = probe({}, { retryAfterMs: 800 }, full)
    await vi.waitFor(() => expect(full.sshd.log()).toMatch(/drop connection/), {
      timeout: 5_000,
      interval: 10,
    })
    holder.destroy()

    expect(await outcome).toMatchObject({ kind: 'ack' })
  })

  test('is ssh-busy after two retries', async () => {
    using full = await hostileServer(misbehaviours['is full'] ?? (() => {}))

    expect(await probe({ sshPort: full.port })).toMatchObject({ kind: 'miss', reason: 'ssh-busy' })
    expect(full.connections()).toBe(3)
  })

  test('costs no more than the deadline: a retry that does not fit is left out', async () => {
    using full = await hostileServer(misbehaviours['is full'] ?? (() => {}))
    const startedAt = performance.now()

    const outcome = await probe({ sshPort: full.port }, { timeoutMs: 2_000, retryAfterMs: 1_500 })

    expect(outcome).toMatchObject({ kind: 'miss', reason: 'ssh-busy' })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(full.connections()).toBe(2)
  })

  test('that goes mute afterwards costs one deadline in all', async () => {
    let connections = 0
    using worse = await hostileServer(socket => {
      connections += 1
      if (connections === 1) socket.end()
    })
    const startedAt = performance.now()

    const outcome = await probe({ sshPort: worse.port }, { timeoutMs: 2_000, retryAfterMs: 1_000 })

    expect(outcome).toMatchObject({ kind: 'miss', reason: 'ssh-timeout' })
    expect(performance.now() - startedAt).toBeLessThan(2_800)
  })
})

describe('a peer without our gate', () => {
  test('is asked through its shell with its own key', async () => {
    using legacy = await startSshd()
    const legacyKey = join(legacy.folder, 'client')

    const outcome = await probe(
      { legacyKey, sshPort: legacy.port, name: 'Old' },
      { key: undefined, pins: legacy.target.pins },
    )

    // What the machine says of itself depends on whether the user who runs the tests has a state.json.
    expect(outcome).toMatchObject(
      outcome.kind === 'ack'
        ? { identity: { gatewayId: 'Studio', name: 'Old' } }
        : { reason: 'wrong-identity' },
    )
  })

  test.each([
    { state: '{"gatewayId":"studio"}', expected: { kind: 'ack' } },
    { state: '{"gatewayId":"mini"}', expected: { kind: 'miss', reason: 'wrong-identity' } },
    { state: 'damaged', expected: { kind: 'ack' } },
  ])('with the state.json $state is $expected.kind', async ({ state, expected }) => {
    using home = await startGatedSshd()
    const { folder } = home.sshd
    const keys = join(folder, 'authorized_keys')
    const publicKey = readFileSync(join(folder, 'client.pub'), 'utf8')
    writeFileSync(join(folder, 'shell'), shellWithHome(home.paths.home, state), { mode: 0o700 })
    writeFileSync(keys, `restrict,command="${join(folder, 'shell')}" ${publicKey}`)
    chmodSync(join(folder, 'client'), 0o600)

    const outcome = await probe({ legacyKey: join(folder, 'client') }, { key: undefined }, home)

    expect(outcome).toMatchObject(expected)
  })
})

/** A login shell for another HOME, as another user of the machine would have it. */
const shellWithHome = (home: string, state: string): string => `#!/bin/sh
HOME="${home}"
export HOME
mkdir -p "$HOME/.openclaw/claw-clan"
printf '%s' '${state}' >"$HOME/.openclaw/claw-clan/state.json"
eval "$SSH_ORIGINAL_COMMAND"
`

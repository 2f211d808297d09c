import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enrolAll, eventsOf, of, pingFrom, setSetting, setUpAll, statusOf } from '../support/clan.ts'
import { type Lab, openLab } from '../support/lab/lab.ts'

async function openFleet(machines: readonly string[]): Promise<Lab> {
  const lab = await openLab({ machines })
  try {
    await setUpAll(lab.machines)
    await enrolAll(lab.machines)
    await Promise.all(lab.machines.map(machine => setSetting(machine, { pingTimeoutSeconds: 3 })))
    return lab
  } catch (error) {
    await lab[Symbol.asyncDispose]()
    throw error
  }
}

test('three machines: the leader dies, is suspected, is offline, the next one leads; it returns and leads again', async () => {
  await using lab = await openFleet(['alpha', 'beta', 'gamma'])
  const [alpha, beta] = [lab.machine('alpha'), lab.machine('beta')]

  const healthy = await pingFrom(beta)
  await alpha.kill()
  const first = await pingFrom(beta)
  const second = await pingFrom(beta)
  const shown = await statusOf(beta)
  const check = await beta.claw('status', ['--check'])
  await alpha.boot()
  const back = await pingFrom(beta)

  expect(healthy).toMatchObject({ leader: 'alpha', selfSuspect: false })
  expect(of(first, 'alpha')).toMatchObject({
    outcome: 'miss',
    reason: 'host-unreachable',
    change: 'suspected',
    status: 'unresponsive',
  })
  expect(of(second, 'alpha')).toMatchObject({ change: 'went-offline', status: 'offline' })
  expect(of(second, 'gamma')).toMatchObject({ outcome: 'ack', status: 'online' })
  expect(second.leader).toBe('beta')
  expect(shown).toMatchObject({ leader: 'beta', isLeader: true })
  expect(check.code).toBe(1)
  expect(of(back, 'alpha')).toMatchObject({ outcome: 'ack', change: 'recovered', status: 'online' })
  expect(back.leader).toBe('alpha')
  expect((await eventsOf(beta)).map(({ event, gatewayId }) => [event, gatewayId]).slice(-5)).toEqual([
    ['suspected', 'alpha'],
    ['leader_change', undefined],
    ['offline', 'alpha'],
    ['online', 'alpha'],
    ['leader_change', undefined],
  ])
})

describe('one fleet, fault by fault', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openFleet(['alpha', 'beta', 'gamma'])
  })
  afterAll(() => lab[Symbol.asyncDispose]())
  const machines = () => [lab.machine('alpha'), lab.machine('beta'), lab.machine('gamma')] as const

  test.each<Fault>([
    { fault: 'sshd stopped', reason: 'ssh-refused', make: m => m.sshd.stop(), mend: m => m.sshd.start() },
    { fault: 'sshd frozen', reason: 'ssh-timeout', make: m => m.sshd.freeze(), mend: m => m.sshd.thaw() },
    { fault: 'power cut', reason: 'host-unreachable', make: m => m.kill(), mend: m => m.boot() },
    {
      fault: 'packets dropped',
      reason: 'host-unreachable',
      make: m => m.blackhole('both'),
      mend: m => m.heal(),
    },
    {
      fault: 'clan key removed',
      reason: 'auth-denied',
      make: m => m.must(['mv', `${m.home}/.ssh/authorized_keys`, `${m.home}/.ssh/aside`]),
      mend: m => m.must(['mv', `${m.home}/.ssh/aside`, `${m.home}/.ssh/authorized_keys`]),
    },
    {
      fault: 'no identity',
      reason: 'no-answer',
      make: m => m.must(['mv', `${m.clanHome}/identity.json`, `${m.clanHome}/aside`]),
      mend: m => m.must(['mv', `${m.clanHome}/aside`, `${m.clanHome}/identity.json`]),
    },
    {
      fault: 'another identity',
      reason: 'wrong-identity',
      make: m => m.claw('setup', ['--gateway-id', 'other', '--yes']),
      mend: m => m.claw('setup', ['--gateway-id', 'beta', '--yes']),
    },
  ])('$fault: $reason, and the others are not delayed', async ({ reason, make, mend }) => {
    const [alpha, beta] = machines()
    await pingFrom(alpha)
    await make(beta)

    const round = await pingFrom(alpha)
    const { peers } = await statusOf(alpha)
    await mend(beta)

    expect(of(round, 'beta')).toMatchObject({ outcome: 'miss', reason })
    expect(of(round, 'gamma')).toMatchObject({ outcome: 'ack' })
    expect(round.durationMs).toBeLessThan(3_000 + 2_000)
    expect(peers.find((peer: { gatewayId: string }) => peer.gatewayId === 'beta').reason).toBe(reason)
    expect(of(await pingFrom(alpha), 'beta')).toMatchObject({ outcome: 'ack', status: 'online' })
  })

  test('our own interface down: everybody misses, nobody is blamed', async () => {
    const [alpha] = machines()
    await alpha.unplug()

    const round = await pingFrom(alpha)
    await alpha.plug()

    expect(round.peers.every(peer => peer.outcome !== 'ack')).toBe(true)
    expect(round.peers.every(peer => peer.status === 'online' && peer.change === 'none')).toBe(true)
  })

  test('our router gone and everybody silent: self-suspect, no standing changes', async () => {
    const [alpha] = machines()
    await alpha.cut('both')

    const round = await pingFrom(alpha)
    await alpha.heal()

    expect(round).toMatchObject({ selfSuspect: true })
    expect(round.peers.every(peer => peer.status === 'online')).toBe(true)
    expect((await eventsOf(alpha)).map(({ event }) => event)).toContain('self_suspect')
  })

  test('two machines leave while our router answers: they are blamed, not we', async () => {
    const [alpha, beta, gamma] = machines()
    await Promise.all([beta.kill(), gamma.kill()])

    const round = await pingFrom(alpha)
    await Promise.all([beta.boot(), gamma.boot()])

    expect(round).toMatchObject({ selfSuspect: false })
    expect(round.peers.every(peer => peer.status === 'unresponsive')).toBe(true)
  })

  test('real cron runs the launcher with its own empty environment, and the round is recorded', async () => {
    const [alpha] = machines()
    const line = `* * * * * ${alpha.clanHome}/bin/claw-ping --quiet >> ${alpha.clanHome}/logs/ping.log 2>&1 # claw-clan\n`
    await alpha.must(['crontab', '-'], { input: line })
    const before = (await statusOf(alpha)).lastRound.finishedAt
    await alpha.startCron()

    await expect
      .poll(async () => (await statusOf(alpha)).lastRound.finishedAt, { timeout: 90_000, interval: 1_000 })
      .not.toBe(before)

    expect((await statusOf(alpha)).peers[0]).toMatchObject({ status: 'online' })
    await alpha.must(['crontab', '-r'])
  })

  test('a changed host key: no login, both fingerprints, nobody delayed, one event, and trust mends it', async () => {
    const [alpha, beta] = machines()
    await pingFrom(alpha)
    const old = await beta.sshd.hostKey()
    await beta.sshd.swapHostKey()
    const fresh = await beta.sshd.hostKey()
    const logins = await loginsOf(beta)

    const round = await pingFrom(alpha)
    const text = await alpha.claw('ping', [])

    expect(of(round, 'beta')).toMatchObject({ outcome: 'miss', reason: 'host-key-changed' })
    expect(of(round, 'gamma')).toMatchObject({ outcome: 'ack' })
    for (const key of [old, fresh]) expect(text.stdout).toContain(key.fingerprint)
    expect(await loginsOf(beta)).toBe(logins)
    expect((await eventsOf(alpha)).filter(({ event }) => event === 'host_key_changed')).toHaveLength(1)
    expect((await alpha.claw('setup-ssh', ['trust', 'beta', '--host-key', fresh.fingerprint])).code).toBe(0)
    expect(of(await pingFrom(alpha), 'beta')).toMatchObject({ outcome: 'ack' })
  })

  test('a peer at a new address is followed once it proved itself there', async () => {
    const [alpha, beta] = machines()
    await beta.changeAddress('10.77.9.9')
    const register = await beta.spawnClaw('register', ['run'])

    const lost = await pingFrom(alpha)
    const discovered = JSON.parse((await alpha.claw('discover', ['4', '--json'])).stdout)
    const found = await pingFrom(alpha)
    await register.stop()

    expect(of(lost, 'beta')).toMatchObject({ outcome: 'miss' })
    expect(discovered.found).toContainEqual(
      expect.objectContaining({ gatewayId: 'beta', ip: '10.77.9.9', known: 'enrolled' }),
    )
    expect(of(found, 'beta')).toMatchObject({ outcome: 'ack' })
  })
})

type Victim = Lab['machines'][number]
type Step = (machine: Victim) => Promise<unknown>
type Fault = { readonly fault: string; readonly reason: string; readonly make: Step; readonly mend: Step }

const loginsOf = async (machine: Victim): Promise<number> =>
  (await machine.sshd.log()).split('Accepted publickey').length

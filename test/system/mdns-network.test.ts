import { describe, expect, test } from 'vitest'
import { setSetting, setUpAll } from '../support/clan.ts'
import { type Machine, openLab } from '../support/lab/lab.ts'
import { connectDirectly, discoverFrom, registered, timeUntil } from '../support/mdns-lab.ts'

/** Addresses at which one machine is heard by another, in a browse of one second. */
const heardAt = async (from: Machine, gatewayId: string) =>
  (await discoverFrom(from, '1')).found.filter(each => each.gatewayId === gatewayId).map(({ ip }) => ip)

// No avahi runs here: it would join the group for everybody, and hide that we had not.
describe('claw-register run follows the network', () => {
  test('an interface that is made anew with the same name and addresses is heard on again within 10 s', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await setUpAll(lab.machines)
    await registered(ours)

    const before = await heardAt(other, 'm1')
    await ours.renewInterface()
    const againAfterMs = await timeUntil(
      'it is heard again',
      async () => (await heardAt(other, 'm1')).includes(ours.ip),
      20_000,
    )

    process.stdout.write(`heard again ${Math.round(againAfterMs)} ms after its interface was made anew\n`)
    expect(before).toEqual([ours.ip])
    expect(againAfterMs).toBeLessThan(10_000)
    // Its announcements are over by then: it is heard because it hears the question.
    await new Promise(resolve => setTimeout(resolve, 3_000))
    expect(await heardAt(other, 'm1')).toEqual([ours.ip])
  })

  test('another address replaces the old one', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await setUpAll(lab.machines)
    const register = await registered(ours)

    await ours.changeAddress('10.77.9.9')
    await register.waitFor(/on 10\.77\.9\.9/, 10_000)

    await timeUntil(
      'only the new address is heard',
      async () => (await heardAt(other, 'm1')).join() === '10.77.9.9',
      20_000,
    )
  })

  test('a second network is announced on when it comes, with its own address alone, and both are browsed', async () => {
    await using lab = await openLab({ machines: 3 })
    const [ours, both, onlyFirst] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll(lab.machines)
    const register = await registered(ours)

    await connectDirectly(ours, both, ['10.88.0.1', '10.88.0.2'])
    await register.waitFor(/on 10\.88\.0\.1/, 10_000)

    await timeUntil(
      'both networks tell of it',
      async () => (await heardAt(both, 'm1')).toSorted().join() === `${ours.ip},10.88.0.1`,
      20_000,
    )
    let heard: readonly string[] = []
    await timeUntil(
      'the first network tells of it',
      async () => {
        heard = await heardAt(onlyFirst, 'm1')
        return heard.length > 0
      },
      20_000,
    )
    expect(heard).toEqual([ours.ip])
  })

  test('without any network it waits for one', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await setUpAll(lab.machines)
    await ours.must(['ip', 'link', 'set', 'eth0', 'down'])
    await ours.must(['ip', 'addr', 'flush', 'dev', 'eth0'])
    const register = await ours.spawnClaw('register', ['run'])

    await register.waitFor(/no network interface to do it on; waiting for one/, 20_000)
    const { code, stderr } = await ours.claw('discover', ['1'])
    await ours.must(['ip', 'link', 'set', 'eth0', 'up'])
    await ours.must(['ip', 'addr', 'add', `${ours.ip}/16`, 'dev', 'eth0'])

    await timeUntil('it is heard', async () => (await heardAt(other, 'm1')).includes(ours.ip), 20_000)
    expect(code).toBe(1)
    expect(stderr).toContain('Cannot look for machines: no network interface can be used')
    expect(stderr).toContain('mdns.interfaces')
  })
})

test.each([
  { interfaces: [], addresses: ['10.77.1.1'] },
  { interfaces: ['docker0', 'lo'], addresses: ['127.0.0.1', '172.17.0.1'] },
  { interfaces: ['172.17.0.1', 'eth0'], addresses: ['10.77.1.1', '172.17.0.1'] },
])('with mdns.interfaces $interfaces it announces on $addresses alone', async ({ interfaces, addresses }) => {
  await using lab = await openLab({ machines: 1 })
  const ours = lab.machine(1)
  await setUpAll([ours])
  await setSetting(ours, { mdns: { interfaces } })
  for (const step of [
    'link add docker0 type bridge',
    'addr add 172.17.0.1/16 dev docker0',
    'link set docker0 up',
  ]) {
    await ours.must(['ip', ...step.split(' ')])
  }

  const register = await ours.spawnClaw('register', ['run'])
  const on = () =>
    [...register.stderr().matchAll(/Announced as .* on (\S+)/g)].map(([, address]) => address).toSorted()

  await timeUntil('it is announced', () => on().length >= addresses.length, 20_000)
  expect(on()).toEqual(addresses)
})

const HOG = `const socket = require('node:dgram').createSocket('udp4')
  socket.bind(5353, '0.0.0.0', () => console.log('bound'))`
const REFUSE = `table inet t {\nchain c {\ntype filter hook output priority 0\nudp dport 5353 drop\n}\n}\n`

type Failure = {
  readonly why: string
  readonly cause: (machine: Machine) => Promise<() => Promise<unknown>>
  readonly says: RegExp
}

describe('claw-register run degrades and comes back', () => {
  test.each<Failure>([
    {
      why: 'while another program keeps the port for itself',
      cause: async machine => {
        const hog = await machine.spawn([process.execPath, '-e', HOG])
        await hog.waitFor(/bound/)
        return () => hog.stop()
      },
      says: /Cannot use "eth0": bind EADDRINUSE .*; trying again within 9 s/,
    },
    {
      why: 'while the firewall forbids it to send',
      cause: async machine => {
        await machine.must(['nft', '-f', '-'], { input: REFUSE })
        return () => machine.must(['nft', 'delete', 'table', 'inet', 't'])
      },
      says: /Cannot use "eth0": send EPERM .*; trying again within 9 s/,
    },
  ])('$why', async ({ cause, says }) => {
    await using lab = await openLab({ machines: 2 })
    const [ours, other] = [lab.machine(1), lab.machine(2)]
    await setUpAll(lab.machines)

    const end = await cause(ours)
    const register = await ours.spawnClaw('register', ['run'])
    await register.waitFor(says, 20_000)
    const during = await heardAt(other, 'm1')
    await end()

    expect(during).toEqual([])
    await timeUntil('it is heard', async () => (await heardAt(other, 'm1')).includes(ours.ip), 30_000)
    expect((await register.stop()).code).toBe(0)
  })
})

const LONG = process.env.CLAW_TEST_LONG === '1' ? (['SIGSTOP'] as const) : []

test.each(LONG)('a machine that slept, as its clock tells after %s, opens its sockets anew', async pause => {
  await using lab = await openLab({ machines: 2 })
  const [ours, other] = [lab.machine(1), lab.machine(2)]
  await setUpAll(lab.machines)
  const register = await registered(ours)
  const socket = async () => /ino:(\d+)/.exec(await ours.must(['ss', '-uane', 'sport', '=', ':5353']))?.[1]
  const before = await socket()

  register.signal(pause)
  await new Promise(resolve => setTimeout(resolve, 15_000))
  const whileAsleep = await socket()
  register.signal('SIGCONT')

  await timeUntil('its sockets are new', async () => ![before, undefined].includes(await socket()), 10_000)
  expect(whileAsleep).toBe(before)
  await timeUntil('it is heard', async () => (await heardAt(other, 'm1')).includes(ours.ip), 20_000)
})

import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pingFrom, setUpAll, statusOf } from '../support/clan.ts'
import { eventually, type Machine, openLab } from '../support/lab/lab.ts'
import { scriptOf } from '../support/program.ts'

const long = process.env.CLAW_TEST_LONG === '1'
const ssh = (machine: Machine, ...args: string[]) => machine.claw('setup-ssh', args, { timeoutMs: 120_000 })

/** `claw-setup-ssh add` on one machine for another. */
async function add(on: Machine, newcomer: Machine, ...flags: string[]) {
  const { code, stdout, stderr } = await ssh(on, 'add', 'root', newcomer.ip, '--json', ...flags)
  if (code !== 0) throw new Error(`add ${newcomer.hostName} on ${on.hostName}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/** Whom each machine reaches by its own `claw-ping`, as `from>to`. */
async function directions(machines: readonly Machine[]): Promise<readonly string[]> {
  const rounds = await Promise.all(machines.map(machine => pingFrom(machine, '--once')))
  return rounds.flatMap((round, n) =>
    round.peers
      .filter(({ outcome }) => outcome === 'ack')
      .map(({ gatewayId }) => `${machines[n]?.hostName}>${gatewayId}`),
  )
}

const allPairs = (machines: readonly Machine[]) =>
  machines.flatMap(from => machines.filter(to => to !== from).map(to => `${from.hostName}>${to.hostName}`))

test('after two adds typed on A, B and C ping each other; when A stops, exactly one of them leads', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta', 'gamma'] })
  const [a, b, c] = [lab.machine('alpha'), lab.machine('beta'), lab.machine('gamma')]
  await setUpAll(lab.machines)

  await add(a, b)
  const { introductions } = await add(a, c)

  const ack = { outcome: 'ack', reason: null, next: null }
  expect(introductions).toEqual([
    { gatewayId: 'beta', state: 'introduced', reason: null, isReached: ack, reaches: ack },
  ])
  expect((await directions(lab.machines)).toSorted()).toEqual(allPairs(lab.machines).toSorted())
  expect((await Promise.all([a, b, c].map(statusOf))).map(({ leader }) => leader)).toEqual(
    Array(3).fill('alpha'),
  )

  await a.kill()
  for (const _round of [1, 2]) await Promise.all([b, c].map(machine => pingFrom(machine, '--once')))

  const statuses = await Promise.all([b, c].map(statusOf))
  expect(statuses.map(({ leader, isLeader }) => [leader, isLeader])).toEqual([
    ['beta', true],
    ['beta', false],
  ])
})

test(long
  ? 'nine adds make 90 working directions of ten machines'
  : 'four adds make 20 working directions of five machines', { timeout: 600_000 }, async () => {
  await using lab = await openLab({ machines: long ? 10 : 5 })
  const [first, ...rest] = lab.machines
  if (first === undefined) throw new Error('an empty lab')
  await setUpAll(lab.machines)

  const began = performance.now()
  for (const newcomer of rest) await add(first, newcomer)
  const seconds = (performance.now() - began) / 1000

  const works = await directions(lab.machines)
  process.stdout.write(`${rest.length} adds in ${seconds.toFixed(1)} s: ${works.length} directions\n`)
  expect(works.toSorted()).toEqual(allPairs(lab.machines).toSorted())
})

describe('a machine that is away while another is added', () => {
  test('is introduced by the first round that finds it back, and status shows that until then', async () => {
    await using lab = await openLab({ machines: ['alpha', 'beta', 'gamma'] })
    const [a, b, c] = [lab.machine('alpha'), lab.machine('beta'), lab.machine('gamma')]
    await setUpAll(lab.machines)
    await add(a, b)
    await b.kill()

    const { introductions } = await add(a, c)

    expect(introductions).toMatchObject([{ gatewayId: 'beta', state: 'pending' }])
    await pingFrom(a, '--once')
    const { pending } = await statusOf(a)
    expect(pending).toMatchObject([{ kind: 'introduce', gatewayId: 'beta', about: 'gamma', tries: 0 }])
    expect((await a.claw('status')).stdout).toContain('introduce gamma and beta to each other')

    await b.boot()
    await pingFrom(a)

    expect((await statusOf(a)).pending).toEqual([])
    expect((await directions(lab.machines)).toSorted()).toEqual(allPairs(lab.machines).toSorted())
  })

  test('and whose owner has no key here waits for him, by claw-setup-ssh pending', async () => {
    await using lab = await openLab({ machines: ['alpha', 'beta', 'gamma'] })
    const [a, b, c] = [lab.machine('alpha'), lab.machine('beta'), lab.machine('gamma')]
    await setUpAll(lab.machines)
    await add(a, b)
    // The owner's usual key no longer opens beta; our clan key does.
    const keys = join(b.home, '.ssh', 'authorized_keys')
    await copyFile(keys, `${keys}.before`)
    const ours = (await readFile(keys, 'utf8')).split('\n').filter(line => /claw-clan/.test(line))
    await writeFile(keys, `${ours.join('\n')}\n`)

    const { introductions } = await add(a, c)

    expect(introductions).toMatchObject([{ state: 'pending', reason: expect.stringContaining('log in') }])
    await pingFrom(a)
    const [item] = (await statusOf(a)).pending
    expect(item).toMatchObject({ tries: 1, next: expect.stringContaining('claw-setup-ssh pending') })
    await writeFile(keys, (await readFile(keys, 'utf8')) + (await readFile(`${keys}.before`, 'utf8')))

    expect((await ssh(a, 'pending')).stdout).toContain('Nothing waits.')

    expect((await directions(lab.machines)).toSorted()).toEqual(allPairs(lab.machines).toSorted())
  })
})

test('a watched machine is watched by all and let in nowhere', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta', 'vps'] })
  const [a, b, vps] = [lab.machine('alpha'), lab.machine('beta'), lab.machine('vps')]
  await setUpAll(lab.machines)
  await add(a, b)

  await add(a, vps, '--one-way')

  expect(await directions(lab.machines)).toEqual(['alpha>beta', 'alpha>vps', 'beta>alpha', 'beta>vps'])
  for (const machine of [a, b]) {
    expect(await readFile(join(machine.home, '.ssh', 'authorized_keys'), 'utf8')).not.toContain(
      'claw-clan vps',
    )
  }
})

describe('forget and revoke', () => {
  const four = async () => {
    const lab = await openLab({ machines: ['alpha', 'beta', 'gamma', 'delta'] })
    const [a, ...rest] = lab.machines
    if (a === undefined) throw new Error('an empty lab')
    await setUpAll(lab.machines)
    for (const newcomer of rest) await add(a, newcomer)
    return lab
  }

  test('revoke --everywhere locks a machine out, with one machine away that does so when it is back', {
    timeout: 240_000,
  }, async () => {
    await using lab = await four()
    const [a, b, c, thief] = ['alpha', 'beta', 'gamma', 'delta'].map(name => lab.machine(name))
    if (a === undefined || b === undefined || c === undefined || thief === undefined)
      throw new Error('no lab')
    await b.kill()
    const asked = await ssh(a, 'revoke', 'delta')
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('--only-here')])

    const { stdout } = await ssh(a, 'revoke', 'delta', '--everywhere', '--json')

    expect(JSON.parse(stdout).told).toMatchObject([
      { gatewayId: 'beta', state: 'pending' },
      { gatewayId: 'gamma', state: 'done' },
    ])
    expect((await directions([thief])).filter(way => way !== 'delta>beta')).toEqual([])
    expect((await statusOf(a)).revoked).toMatchObject([{ gatewayId: 'delta' }])
    await b.boot()
    await pingFrom(a)
    expect(await directions([thief])).toEqual([])

    // The owner has it back: one add, on any machine that has heard of it, lifts it on all.
    const { introductions, warnings } = await add(c, thief)
    expect(warnings).toContainEqual(expect.stringContaining('was revoked on'))
    expect(introductions.map(({ state }: { state: string }) => state)).toEqual(['introduced', 'introduced'])
  })

  test('forget --everywhere takes a machine from all, and it forgets them', async () => {
    await using lab = await four()
    const [a, d] = [lab.machine('alpha'), lab.machine('delta')]

    const { stdout } = await ssh(a, 'forget', 'delta', '--everywhere', '--json')

    expect(JSON.parse(stdout)).toMatchObject({ itself: { state: 'done' }, record: true })
    const left = lab.machines.filter(machine => machine !== d)
    expect((await directions(lab.machines)).toSorted()).toEqual(allPairs(left).toSorted())
    for (const machine of lab.machines) {
      const text = await readFile(join(machine.home, '.ssh', 'authorized_keys'), 'utf8')
      expect(text.includes('claw-clan delta') || (machine === d && text.includes('claw-clan'))).toBe(false)
    }

    const command = `${process.execPath} ${scriptOf('setup-ssh')} forget gamma`
    const typed = await a.exec(['script', '-qec', command, '/dev/null'], {
      input: 'yes\n',
      timeoutMs: 60_000,
    })
    expect(typed.stdout).toMatch(
      /Forget "gamma" on the other enrolled machine too\? \(yes\/no\).*on beta: done/s,
    )
    expect(await directions(lab.machines)).toEqual(['alpha>beta', 'beta>alpha'])
  })
})

test('a peer that holds only a clan key introduces nobody', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta'] })
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await setUpAll(lab.machines)
  await add(a, b)
  const key = join(b.clanHome, 'keys', 'id_ed25519')
  const only = ['-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-F', '/dev/null']
  const trusting = ['-o', `UserKnownHostsFile=${join(b.clanHome, 'known_hosts')}`, '-o', 'HostKeyAlias=alpha']
  const login = ['ssh', ...only, ...trusting, `root@${a.ip}`]

  const command = await b.exec([...login, 'claw-setup-ssh introduce --json'], { input: '{"machines":[]}' })
  const verb = await b.exec([...login, 'serve'], { input: '{"id":1,"verb":"introduce","machines":[]}\n' })

  expect(command.code).toBe(126)
  expect(verb.stdout).toContain('"code":"unknown-verb"')
})

test('two adds at once on one machine wait for each other, and both are known to all', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta', 'gamma'] })
  const [a, b, c] = [lab.machine('alpha'), lab.machine('beta'), lab.machine('gamma')]
  await setUpAll(lab.machines)

  await Promise.all([add(a, b), add(a, c)])

  await eventually('all directions work', async () => (await directions(lab.machines)).length === 6, {
    timeoutMs: 30_000,
  })
})

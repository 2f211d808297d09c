import { appendFile, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Machine, openLab } from '../support/lab/lab.ts'

const keysOf = (machine: Machine) => join(machine.home, '.ssh', 'authorized_keys')
const bytesOf = (machine: Machine) => readFile(keysOf(machine), 'latin1')
const peerIds = async (machine: Machine) =>
  (await readdir(join(machine.clanHome, 'peers')).catch(() => [])).toSorted()
const peerOf = async (machine: Machine, id: string) =>
  JSON.parse(await readFile(join(machine.clanHome, 'peers', `${id}.json`), 'utf8'))
const pinsOf = (machine: Machine) => readFile(join(machine.clanHome, 'known_hosts'), 'utf8').catch(() => '')
const setUp = async (machine: Machine, lead: number) => {
  expect((await machine.claw('setup', ['--yes', '--lead', String(lead)])).code).toBe(0)
}
const ssh = (machine: Machine, ...args: string[]) => machine.claw('setup-ssh', args, { timeoutMs: 60_000 })
const outcomes = async (machine: Machine) => {
  const { stdout, stderr } = await machine.claw('ping', ['--once', '--json'])
  expect(stderr).toBe('')
  return JSON.parse(stdout).peers.map(
    (peer: { outcome: string; reason: string | null }) => peer.reason ?? peer.outcome,
  )
}
const SETUP_SSH = join(import.meta.dirname, '../../src/bin/setup-ssh.ts')
const twoMachines = () => openLab({ machines: ['alpha', 'beta'], knowsHosts: false })

test('add enrols two machines in both directions, forget leaves no byte behind', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await Promise.all([setUp(a, 1), setUp(b, 2)])
  // Other people's lines, with everything an editor can do to them, and no line break at the end.
  for (const machine of [a, b]) {
    await appendFile(keysOf(machine), Buffer.from('# caf\xe9\r\nssh-rsa AAAA claw-clan:alpha', 'latin1'))
  }
  const before = [await bytesOf(a), await bytesOf(b)]
  const { fingerprint } = await b.sshd.hostKey()

  const plan = await ssh(a, 'add', 'root', b.ip, '--host-key', fingerprint, '--dry-run')
  expect(plan.stdout).toMatch(/^Would enrol beta .*\n {2}host key .*\n {2}here {3}authorized_keys: .*\n/)
  expect([await bytesOf(a), await bytesOf(b), await pinsOf(a), await peerIds(b)]).toEqual([...before, '', []])

  const added = await ssh(a, 'add', 'root', b.ip, '--host-key', fingerprint, '--json')

  expect(added.stderr).toBe('')
  expect(JSON.parse(added.stdout)).toMatchObject({
    ...{
      schema: 1,
      gatewayId: 'beta',
      change: 'added',
      hostKey: fingerprint,
      hostKeyBy: '--host-key',
      warnings: [],
    },
    ...{
      forward: { outcome: 'ack' },
      reverse: { outcome: 'ack' },
      sshStatus: 'success',
      clawInstalled: true,
    },
  })
  expect([await outcomes(a), await outcomes(b)]).toEqual([['ack'], ['ack']])
  expect(await peerOf(b, 'alpha')).toMatchObject({ ip: a.ip, status: 'online', leadNumber: 1 })
  const granted = [await bytesOf(a), await bytesOf(b)]
  for (const [n, machine] of [a, b].entries()) {
    expect(granted[n]?.endsWith(before[n] ?? '?')).toBe(true)
    expect(granted[n]).toContain(`restrict,command="${machine.clanHome}/bin/claw-peer" ssh-ed25519 `)
    expect((await stat(keysOf(machine))).mode & 0o777).toBe(0o600)
  }
  const operatorLogin = ['ssh', '-o', 'StrictHostKeyChecking=no', 'beta', "echo 'claw-clan-ack x 1'"]
  expect(await a.must(operatorLogin)).toBe('claw-clan-ack x 1\n')

  expect(JSON.parse((await ssh(a, 'add', 'root', b.ip, '--json')).stdout)).toMatchObject({
    hostKeyBy: 'pinned',
    change: 'updated',
  })
  expect([await bytesOf(a), await bytesOf(b)]).toEqual(granted)

  const dry = JSON.parse((await ssh(a, 'forget', 'beta', '--dry-run', '--json')).stdout)
  expect(dry).toMatchObject({ dryRun: true, authorizedKey: true, hostKey: true, record: true })
  expect(await outcomes(a)).toEqual(['ack'])

  expect((await ssh(a, 'forget', 'beta')).code).toBe(0)
  expect((await ssh(b, 'forget', 'ALPHA')).code).toBe(0)
  expect([await bytesOf(a), await bytesOf(b)]).toEqual(before)
  expect([await peerIds(a), await peerIds(b), await pinsOf(a), await pinsOf(b)]).toEqual([[], [], '', ''])
})

test('add that is killed at any moment leaves whole files, and the next one completes it', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await Promise.all([setUp(a, 1), setUp(b, 2)])
  const before = [await bytesOf(a), await bytesOf(b)]
  const isWhole = (text: string, foreign = '?') =>
    text.endsWith(foreign) &&
    /^(# BEGIN claw-clan \w+\nrestrict.*\n# END claw-clan \w+\n)?$/.test(text.slice(0, -foreign.length))

  const add = [process.execPath, SETUP_SSH, 'add', 'root', b.ip, '--accept-new-host-key']
  for (const afterMs of [500, 1000, 1500, 2000, 2500, 3000, 3500, 4000]) {
    const limit = ['timeout', '-s', 'KILL', String(afterMs / 1000)]
    await a.exec(['env', `TMPDIR=${a.home}`, ...limit, ...add], { timeoutMs: 60_000 })
    expect([isWhole(await bytesOf(a), before[0]), isWhole(await bytesOf(b), before[1])]).toEqual([true, true])
  }

  expect(await ssh(a, 'add', 'root', b.ip, '--accept-new-host-key')).toMatchObject({ code: 0, stderr: '' })
  expect([await outcomes(a), await outcomes(b)]).toEqual([['ack'], ['ack']])
})

describe('a host key', () => {
  test('that nobody vouched for stops add before any login; a person on a terminal may confirm it', async () => {
    await using lab = await twoMachines()
    const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
    await Promise.all([setUp(a, 1), setUp(b, 2)])
    const { fingerprint } = await b.sshd.hostKey()

    const asked = await ssh(a, 'add', 'root', b.ip)

    expect(asked.code).toBe(2)
    expect(asked.stderr).toMatch(/^claw-setup-ssh add: [^\n]+\n {2}next: [^\n]+\n$/)
    for (const part of [fingerprint, '--host-key', '--accept-new-host-key'])
      expect(asked.stderr).toContain(part)
    expect(await b.sshd.log()).not.toContain('Accepted')

    const onTerminal = async (answer: string) => {
      const command = `${process.execPath} ${SETUP_SSH} add root ${b.ip}`
      return a.exec(['script', '-qec', command, '/dev/null'], { input: `${answer}\n`, timeoutMs: 60_000 })
    }
    const refused = await onTerminal('y')
    expect(refused.code).toBe(2)
    expect(refused.stdout).toContain(fingerprint)
    expect(await b.sshd.log()).not.toContain('Accepted')
    expect((await onTerminal('yes')).stdout).toContain('Enrolled beta')
    expect(await outcomes(b)).toEqual(['ack'])
  })

  test('that is in the known_hosts of the owner needs no flag', async () => {
    await using lab = await openLab({ machines: ['alpha', 'beta'] })
    const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
    await Promise.all([setUp(a, 1), setUp(b, 2)])

    expect(JSON.parse((await ssh(a, 'add', 'root', b.ip, '--json')).stdout)).toMatchObject({
      hostKeyBy: 'known_hosts',
    })
  })

  test('that changed stops add with both fingerprints and without a login, until the new one is trusted', async () => {
    await using lab = await twoMachines()
    const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
    await Promise.all([setUp(a, 1), setUp(b, 2)])
    await ssh(a, 'add', 'root', b.ip, '--accept-new-host-key')
    const { fingerprint: old } = await b.sshd.hostKey()
    const { fingerprint: renewed } = await b.sshd.swapHostKey()
    const before = [(await b.sshd.log()).length, await bytesOf(a), await pinsOf(a)] as const

    for (const flags of [[], ['--accept-new-host-key'], ['--host-key', renewed]]) {
      const { code, stderr } = await ssh(a, 'add', 'root', b.ip, ...flags)
      expect([code, stderr.includes(old), stderr.includes(renewed)]).toEqual([1, true, true])
    }
    expect((await b.sshd.log()).slice(before[0])).not.toMatch(/Accepted|Failed/)
    expect([await bytesOf(a), await pinsOf(a)]).toEqual(before.slice(1))
    expect(await outcomes(a)).toEqual(['host-key-changed'])

    expect((await ssh(a, 'trust', 'beta')).code).toBe(2)
    expect((await ssh(a, 'trust', 'beta', '--host-key', old)).code).toBe(1)
    const trusted = JSON.parse((await ssh(a, 'trust', 'beta', '--host-key', renewed, '--json')).stdout)
    expect(trusted).toMatchObject({
      pin: 'replaced',
      previous: old,
      hostKey: renewed,
      probe: { outcome: 'ack' },
    })
    expect(await outcomes(a)).toEqual(['ack'])
  })

  test('of a peer taken over from the bash version is pinned by trust, which names what is still missing', async () => {
    await using lab = await twoMachines()
    const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
    await Promise.all([setUp(a, 1), setUp(b, 2)])
    const record = {
      gatewayId: 'beta',
      name: 'Beta',
      leadNumber: 2,
      ip: b.ip,
      sshUser: 'root',
      status: 'online',
    }
    await mkdir(join(a.clanHome, 'peers'), { recursive: true })
    await writeFile(join(a.clanHome, 'peers', 'beta.json'), JSON.stringify({ ...record, note: 'mine' }))
    expect(await outcomes(a)).toEqual(['no-host-key'])

    const { stdout } = await ssh(a, 'trust', 'beta', '--accept-new-host-key', '--json')

    expect(JSON.parse(stdout)).toMatchObject({ pin: 'added', probe: { reason: 'auth-denied' } })
    expect(JSON.parse(stdout).next).toContain(`claw-setup-ssh add root ${b.ip}`)
    await ssh(a, 'add', 'root', b.ip)
    expect(await outcomes(a)).toEqual(['ack'])
    expect(await peerOf(a, 'beta')).toMatchObject({ note: 'mine' })
  })
})

test('with our own Remote Login off the peer is enrolled one-way, and the reason is said', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await Promise.all([setUp(a, 1), setUp(b, 2)])
  await a.sshd.stop()

  const { code, stdout } = await ssh(a, 'add', 'root', b.ip, '--accept-new-host-key')

  expect(code).toBe(0)
  expect(stdout).toContain("this machine's Remote Login is off")
  expect(stdout).toMatch(/SSH_STATUS=success\nCLAW_INSTALLED=true\n$/)
  expect(await outcomes(a)).toEqual(['ack'])
  expect(await peerIds(b)).toEqual([])

  await a.sshd.start()
  await ssh(a, 'add', 'root', b.ip)
  expect(await outcomes(b)).toEqual(['ack'])
})

test('a machine without claw-clan is left as it is, and said so; with --legacy it is probed as it is', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await setUp(a, 1)
  const before = await bytesOf(b)

  const add = await ssh(a, 'add', 'root', b.ip, '--accept-new-host-key')

  expect(add.code).toBe(1)
  expect(add.stdout).toBe('SSH_STATUS=success\nCLAW_INSTALLED=false\n')
  expect(add.stderr).toMatch(/not set up on .*\n {2}next: Run "claw-remote-install USER [^\n]*--legacy/)
  expect([await peerIds(a), await pinsOf(a)]).toEqual([[], ''])

  // The bash version: a state.json, and nothing of ours.
  await mkdir(b.clanHome, { recursive: true })
  await writeFile(join(b.clanHome, 'state.json'), '{\n  "gatewayId": "attic",\n  "name": "Attic"\n}\n')
  const key = join(a.home, '.ssh', 'id_ed25519')
  const legacy = await ssh(
    a,
    'add',
    'root',
    b.ip,
    'Attic',
    '--legacy',
    '--key',
    key,
    '--accept-new-host-key',
    '--json',
  )

  expect(JSON.parse(legacy.stdout)).toMatchObject({
    gatewayId: 'attic',
    legacy: true,
    reverse: { outcome: 'off' },
  })
  expect(await peerOf(a, 'attic')).toMatchObject({ legacyKey: key, clawClanInstalled: true })
  expect(await outcomes(a)).toEqual(['ack'])
  expect(await bytesOf(b)).toBe(before)
})

test('when the clan key is not answered, both machines are as they were', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await Promise.all([setUp(a, 1), setUp(b, 2)])
  // beta's sshd reads another file than the one everybody edits.
  await copyFile(keysOf(b), join(b.home, '.ssh', 'elsewhere'))
  await appendFile(join(b.home, '..', 'ssh', 'sshd_config'), 'AuthorizedKeysFile .ssh/elsewhere\n')
  await b.sshd.stop()
  await b.sshd.start()
  const before = [await bytesOf(a), await bytesOf(b)]

  const { code, stderr } = await ssh(a, 'add', 'root', b.ip, '--accept-new-host-key')

  expect(code).toBe(1)
  expect(stderr).toContain('auth-denied')
  expect([await bytesOf(a), await bytesOf(b)]).toEqual(before)
  expect([await peerIds(a), await peerIds(b), await pinsOf(a), await pinsOf(b)]).toEqual([[], [], '', ''])
})

test('a login that fails says which of its causes it is', async () => {
  await using lab = await twoMachines()
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await setUp(a, 1)
  await writeFile(keysOf(b), '')

  const denied = await ssh(a, 'test', 'root', b.ip, '--accept-new-host-key')
  await b.sshd.stop()
  const refused = await ssh(a, 'test', 'root', b.ip, '--accept-new-host-key', '--json')

  expect([denied.code, denied.stdout]).toEqual([1, 'SSH_STATUS=failed\nCLAW_INSTALLED=unknown\n'])
  expect(denied.stderr).toContain(`ssh-copy-id root@${b.ip}`)
  expect(JSON.parse(refused.stdout)).toMatchObject({ schema: 1, error: { code: 'ssh-refused' } })
})

test('hostile words are refused in one line, before anything is asked', async () => {
  await using lab = await twoMachines()
  const a = lab.machine('alpha')
  await setUp(a, 1)
  const hit = join(a.home, 'hit')

  for (const words of [
    [`$(touch ${hit})`, '10.77.1.2'],
    ['root', `10.77.1.2; touch ${hit}`],
    ['--', '-oProxyCommand=touch', 'host'],
    ['--', 'root', `-oProxyCommand=touch ${hit}`],
    ['root', '10.77.1.2', 'name', '../../evil'],
    ['root', '10.77.1.2', '\u001b[2J'],
    ['root', '10.77.1.2', '--port', '70000'],
    ['root', '10.77.1.2', '--legacy'],
    ['root', '10.77.1.2', 'Alpha', 'ALPHA'],
  ]) {
    const { code, stderr } = await ssh(a, 'add', ...words)
    expect([words, code, stderr.split('\n').filter(line => !line.startsWith('  next: ')).length]).toEqual([
      words,
      2,
      2,
    ])
    expect(stderr).not.toContain('\u001b')
  }
  await expect(stat(hit)).rejects.toThrow()
})

import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Machine, openLab } from '../support/lab/lab.ts'
import {
  type Builds,
  buildOnce,
  currentOf,
  giveNode,
  hideNode,
  isAlive,
  keptTree,
  newerVersion,
  runBuilt,
  startRelay,
} from '../support/remote-install.ts'

let builds: Builds
/** Built programs: the present version, and a newer one. */
let dist = ''
let newer = ''
beforeAll(async () => {
  builds = await buildOnce()
  dist = builds.dist
  newer = await builds.variant('newer', newerVersion)
})
afterAll(() => builds[Symbol.asyncDispose]())

const isLong = process.env.CLAW_TEST_LONG === '1'
const run = (machine: Machine, ...words: string[]) => runBuilt(machine, dist, words)
const update = (machine: Machine, ...words: string[]) =>
  runBuilt(machine, newer, ['remote-install', ...words])
const stepsOf = (stdout: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    JSON.parse(stdout).steps.map(({ step, result }: { step: string; result: string }) => [step, result]),
  )
const outcomes = async (machine: Machine) => {
  const { stdout } = await machine.exec([join(machine.clanHome, 'bin', 'claw-ping'), '--once', '--json'])
  return JSON.parse(stdout).peers.map(({ outcome }: { outcome: string }) => outcome)
}

/** alpha is set up; the others have a node and nothing of ours. */
async function fleetOf(...names: string[]) {
  const lab = await openLab({ machines: ['alpha', ...names], knowsHosts: false })
  const [alpha, ...others] = lab.machines
  if (alpha === undefined) throw new Error('a lab has its machines')
  await Promise.all(others.map(giveNode))
  expect(await run(alpha, 'setup', '--yes', '--lead', '1')).toMatchObject({ code: 0 })
  return { lab, alpha, others, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() }
}

/** As `fleetOf`, and everybody has the present version. */
async function installed(...names: string[]) {
  const fleet = await fleetOf(...names)
  for (const { ip } of fleet.others) {
    const { code, stderr } = await run(fleet.alpha, 'remote-install', 'root', ip, ...FAST)
    expect([code, stderr]).toEqual([0, ''])
  }
  return fleet
}
/** Registration and schedule have tests of their own, and cost seconds. */
const FAST = ['--accept-new-host-key', '--no-register', '--no-schedule']
/** What runs that were cut have left beside the versions. */
const leftovers = async ({ clanHome }: Machine) =>
  (await readdir(join(clanHome, 'versions')).catch(() => [])).filter(name => name.startsWith('.incoming'))

test('an empty machine with talkative start files becomes a working part of the fleet', async ({
  annotate,
}) => {
  await using fleet = await fleetOf('beta')
  const { alpha } = fleet
  const beta = fleet.lab.machine('beta')
  const noise = 'echo "Welcome to beta"; echo "node 1.2.3 /nowhere"; echo oops >&2\n'
  for (const file of ['.profile', '.bashrc', '.bash_profile']) await writeFile(join(beta.home, file), noise)

  const startedAt = performance.now()
  const { code, stdout, stderr } = await run(
    alpha,
    ...['remote-install', 'root', beta.ip, 'Büro "2"', 'Beta_1', '7', '--json', ...FAST],
  )
  await annotate(`first ack of both directions after ${Math.round(performance.now() - startedAt)} ms`)

  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({
    schema: 1,
    gatewayId: 'Beta_1',
    previous: null,
    firstInstall: true,
  })
  expect(stepsOf(stdout)).toEqual({
    ...{ 'host key': 'ok', login: 'ok', node: 'ok', room: 'ok', version: 'ok', 'self-test': 'ok' },
    ...{ 'in use': 'ok', state: 'ok', 'clan key': 'ok', 'way back': 'ok', fleet: 'skipped' },
    ...{ announcing: 'skipped', schedule: 'skipped' },
  })
  expect([await outcomes(alpha), await outcomes(beta)]).toEqual([['ack'], ['ack']])
  expect(JSON.parse(await readFile(join(beta.clanHome, 'state.json'), 'utf8'))).toMatchObject({
    ...{ gatewayId: 'Beta_1', name: 'Büro "2"', leadNumber: 7, sshUser: 'root' },
    ...{ remoteInstalled: true, installedBy: 'alpha' },
  })
  const version = join(beta.clanHome, 'versions', await currentOf(beta))
  const modes = await Promise.all(
    ['', 'dist', 'dist/peer.js', 'manifest.json'].map(async path => (await stat(join(version, path))).mode),
  )
  expect(modes.map(mode => mode & 0o777)).toEqual([0o700, 0o700, 0o600, 0o600])
})

test('what was installed installs the next one, the whole fleet learns of it, and what is impossible is said', async () => {
  await using fleet = await fleetOf('beta', 'gamma')
  const { alpha, lab } = fleet
  const [beta, gamma] = [lab.machine('beta'), lab.machine('gamma')]
  await run(alpha, 'remote-install', 'root', beta.ip, ...FAST)

  const { code, stdout, stderr } = await beta.exec(
    [join(beta.clanHome, 'bin', 'claw-remote-install'), 'root', gamma.ip, '--accept-new-host-key', '--json'],
    { timeoutMs: 180_000 },
  )

  expect([code, stderr]).toEqual([0, ''])
  expect(stepsOf(stdout)).toMatchObject({ fleet: 'ok', 'clan key': 'ok', 'way back': 'ok' })
  // Neither systemd nor cron runs on these machines.
  expect(stepsOf(stdout)).toMatchObject({ announcing: 'finding', schedule: 'finding' })
  expect(await currentOf(gamma)).toBe(await currentOf(beta))
  const states = await Promise.all(
    [beta, gamma].map(async machine =>
      JSON.parse(await readFile(join(machine.clanHome, 'state.json'), 'utf8')),
    ),
  )
  expect(states).toMatchObject([
    { leadNumber: 2, installedBy: 'alpha' },
    { leadNumber: 3, installedBy: 'beta' },
  ])
  for (const machine of [alpha, beta, gamma]) expect(await outcomes(machine)).toEqual(['ack', 'ack'])
})

test('a home of the bash version is taken over with its id, name and lead number', async () => {
  await using fleet = await fleetOf('beta')
  const beta = fleet.lab.machine('beta')
  const state = {
    gatewayId: 'attic',
    name: 'Attic',
    leadNumber: 4,
    ip: beta.ip,
    sshUser: 'root',
    custom: [1],
  }
  await mkdir(beta.clanHome, { recursive: true })
  await writeFile(join(beta.clanHome, 'state.json'), JSON.stringify(state))

  const { code, stdout, stderr } = await run(
    fleet.alpha,
    ...['remote-install', 'root', beta.ip, '--json', ...FAST],
  )

  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ gatewayId: 'attic', firstInstall: false })
  const taken = JSON.parse(await readFile(join(beta.clanHome, 'state.json'), 'utf8'))
  expect(taken).toMatchObject({ ...state, installedBy: 'alpha' })
  expect(await outcomes(beta)).toEqual(['ack'])
})

test('an update keeps state, settings and keys to the byte, and sweeps what a killed run left', async () => {
  await using fleet = await installed('beta')
  const { alpha } = fleet
  const beta = fleet.lab.machine('beta')
  await writeFile(join(beta.clanHome, 'config.json'), '{ "pingTimeoutSeconds": 7, "mine": [1,2] }')
  const [before, old] = [await keptTree(beta), await currentOf(beta)]
  await mkdir(join(beta.clanHome, 'versions', '.incoming-4194304-x'))

  const planned = await update(alpha, 'root', beta.ip, '--dry-run', '--json')
  expect(stepsOf(planned.stdout)).toMatchObject({ version: 'would', state: 'would' })
  expect([await currentOf(beta), await leftovers(beta)]).toEqual([old, ['.incoming-4194304-x']])
  const { code, stdout, stderr } = await update(alpha, 'root', beta.ip, '--json', ...FAST)

  expect([code, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ gatewayId: 'beta', previous: old, firstInstall: false })
  expect(stepsOf(stdout)).toMatchObject({
    version: 'ok',
    'in use': 'ok',
    state: 'unchanged',
    'clan key': 'ok',
  })
  expect(await currentOf(beta)).toBe(JSON.parse(stdout).version)
  expect(await currentOf(beta)).not.toBe(old)
  expect([await keptTree(beta), await leftovers(beta), await isAlive(beta)]).toEqual([before, [], true])

  const again = await update(alpha, 'root', beta.ip, '--json', ...FAST)
  expect(stepsOf(again.stdout)).toMatchObject({ version: 'unchanged', 'in use': 'unchanged' })
})

test('an update that is cut at any byte leaves a version that works, and the next run completes it', async ({
  annotate,
}) => {
  await using fleet = await installed('beta')
  const { alpha } = fleet
  const beta = fleet.lab.machine('beta')
  const [before, old] = [await keptTree(beta), await currentOf(beta)]
  const updateThrough = async (limit: number) => {
    const relay = await startRelay(alpha, beta, limit)
    const port = String(relay.port)
    const { code, stderr } = await update(alpha, 'root', '127.0.0.1', 'beta', 'beta', '--port', port, ...FAST)
    return { code, stderr, sent: await relay.end() }
  }
  const stepBack = async () => {
    const back = await beta.exec([join(beta.clanHome, 'bin', 'claw-setup'), 'rollback'])
    expect([back.code, await currentOf(beta)]).toEqual([0, old])
    await removeNewer()
  }
  const removeNewer = async () => {
    await beta.must([
      'sh',
      '-c',
      `cd "$1/versions" && rm -rf "$(ls | grep -v -e ${old} -e json)"`,
      'sh',
      beta.clanHome,
    ])
  }
  const whole = await updateThrough(Number.MAX_SAFE_INTEGER)
  expect([whole.code, whole.stderr]).toEqual([0, ''])
  await annotate(`a whole update takes ${whole.sent} bytes to the peer`)
  await run(alpha, 'remote-install', 'root', beta.ip, 'beta', 'beta', ...FAST)
  await removeNewer()

  for (let round = 0; round < (isLong ? 50 : 6); round++) {
    const limit = Math.floor(Math.random() * whole.sent)
    const { code, stderr } = await updateThrough(limit)

    const seen = `cut after ${limit} bytes: ${stderr}`
    // At the very end only the proof of the way back is cut, and the update is done.
    expect([seen, stderr.split('\n').length]).toEqual([seen, code === 0 ? 1 : 3])
    expect([seen, await isAlive(beta), await keptTree(beta)]).toEqual([seen, true, before])
    if ((await currentOf(beta)) !== old) await stepBack()
  }
  const { code } = await update(alpha, 'root', beta.ip, ...FAST)

  expect([code, await leftovers(beta), await isAlive(beta)]).toEqual([0, [], true])
  expect([(await currentOf(beta)) === old, await keptTree(beta)]).toEqual([false, before])
})

test('a version that does not work there never takes the place of one that does', async () => {
  await using fleet = await installed('beta', 'gamma')
  const { alpha, lab } = fleet
  const beta = lab.machine('beta')
  const [before, old] = [await keptTree(beta), await currentOf(beta)]
  const broken = await builds.variant('broken', at =>
    writeFile(join(at, 'peer.js'), 'throw new Error("no")\n'),
  )
  const brokenInPlace = await builds.variant('broken-in-place', at =>
    appendFile(join(at, 'peer.js'), 'if (process.argv[1].includes("/current/")) process.exit(3)\n'),
  )

  const refused = await runBuilt(alpha, broken, ['remote-install', 'root', beta.ip, ...FAST])
  expect([refused.code, await currentOf(beta)]).toEqual([1, old])
  expect(refused.stderr).toMatch(/does not work on "root@[^\n]+ stays in use\n {2}next: [^\n]+\n$/)

  const back = await runBuilt(alpha, brokenInPlace, ['remote-install', 'root', beta.ip, ...FAST])
  expect([back.code, await currentOf(beta)]).toEqual([1, old])
  expect(back.stderr).toContain(`${old} is again in use there`)
  expect([await isAlive(beta), await keptTree(beta)]).toEqual([true, before])

  const all = await runBuilt(alpha, broken, ['remote-install', 'all', '--json'])
  expect(all.code).toBe(1)
  expect(JSON.parse(all.stdout).peers).toMatchObject([
    { gatewayId: 'beta', state: 'failed' },
    { gatewayId: 'gamma', state: 'not tried' },
  ])
})

test('a version that was damaged there is found by its self-test, and mended by the next run', async () => {
  await using fleet = await installed('beta')
  const beta = fleet.lab.machine('beta')
  const file = join(beta.clanHome, 'versions', await currentOf(beta), 'dist', 'discover.js')
  await appendFile(file, '//')
  const selfTest = () => beta.exec([join(beta.clanHome, 'bin', 'claw-peer'), '--self-test'])

  const damaged = await selfTest()
  expect(damaged.code).toBe(1)
  expect(damaged.stdout).toMatch(/^ {2}files +failed {2}"[^"]+\/dist\/discover\.js" differ/m)
  const mended = await run(fleet.alpha, 'remote-install', 'root', beta.ip, '--json', ...FAST)

  expect(stepsOf(mended.stdout)).toMatchObject({ version: 'ok', 'self-test': 'ok', 'in use': 'unchanged' })
  expect(await selfTest()).toMatchObject({ code: 0, stderr: '' })
})

test('all updates every machine in turn, and lists those that are away', async () => {
  await using fleet = await installed('beta', 'gamma', 'delta')
  const { alpha, lab } = fleet
  await lab.machine('gamma').sshd.stop()
  const old = await currentOf(lab.machine('gamma'))

  const { code, stdout, stderr } = await update(alpha, 'all')

  expect([code, stderr]).toEqual([0, ''])
  for (const line of [/^beta +updated +\d+ checks/m, /^gamma +offline/m, /^delta +updated/m])
    expect(stdout).toMatch(line)
  expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80)
  const now = await Promise.all(lab.machines.slice(1).map(currentOf))
  expect([now[0] === now[2], now[0] !== old, now[1]]).toEqual([true, true, old])
})

test.each([
  {
    what: 'only a node that is too old',
    prepare: takeNode,
    says: /found there is Node 20\.\d+\.\d+ at "\/usr\/bin\/node"; Node 24\.11 or newer is needed/,
    code: 1,
  },
  {
    what: 'no node at all',
    prepare: async (beta: Machine) => {
      await takeNode(beta)
      await hideNode(beta)
    },
    says: /no Node was found there; Node 24/,
    code: 1,
  },
  {
    what: 'a full disk',
    prepare: (beta: Machine) => mountHome(beta, 'size=2m,mode=0700'),
    says: /\d MB are free for "[^"]+", and \d+ MB are needed/,
    code: 1,
  },
  {
    what: 'a disk that fills up as it is written',
    prepare: (beta: Machine) => mountHome(beta, 'size=200m,nr_inodes=40,mode=0700'),
    says: /Cannot put 2\.[^\n]+ENOSPC[^\n]+nothing was changed there/,
    code: 1,
  },
  {
    what: 'a read-only home',
    prepare: (beta: Machine) => mountHome(beta, 'ro,size=100m'),
    says: /"[^"]+claw-clan" cannot be written to/,
    code: 1,
  },
])('$what ends in one line, and nothing is left there', async ({ prepare, says, code }) => {
  await using fleet = await fleetOf('beta')
  const { alpha } = fleet
  const beta = fleet.lab.machine('beta')
  await prepare(beta)

  const failed = await run(alpha, 'remote-install', 'root', beta.ip, ...FAST)

  expect([failed.code, failed.stdout]).toEqual([code, ''])
  expect(failed.stderr).toMatch(/^claw-remote-install: [^\n]+\n {2}next: [^\n]+\n$/)
  expect(failed.stderr).toMatch(says)
  expect(await beta.must(['sh', '-c', 'find "$1" -type f | wc -l', 'sh', beta.clanHome])).toBe('0\n')
  expect(await readdir(join(alpha.clanHome, 'peers')).catch(() => [])).toEqual([])
})

async function takeNode(machine: Machine): Promise<void> {
  const node = join(machine.home, '.local', 'bin', 'node')
  await machine.must(['sh', '-c', 'umount "$1" && rm "$1"', 'sh', node])
}

async function mountHome(machine: Machine, options: string): Promise<void> {
  await mkdir(machine.clanHome, { recursive: true, mode: 0o700 })
  await machine.must(['mount', '-t', 'tmpfs', '-o', options, 'claw-test', machine.clanHome])
}

test('whatever stands in the way of an update, the old version lives and its state is untouched', async () => {
  await using fleet = await fleetOf('beta')
  const { alpha, lab } = fleet
  const beta = lab.machine('beta')
  await mountHome(beta, 'size=60m,mode=0700')
  expect((await run(alpha, 'remote-install', 'root', beta.ip, ...FAST)).stderr).toBe('')
  const [before, old] = [await keptTree(beta), await currentOf(beta)]
  const sh = (script: string) => beta.must(['sh', '-ec', script, 'sh', beta.clanHome])
  const remount = (options: string) => sh(`mount -o remount,${options} "$1"`)
  const inWay = [
    {
      says: /Node 20[^\n]+"\/usr\/bin\/node"; Node 24/,
      put: async () => '',
      words: ['--node', '/usr/bin/node'],
      take: async () => '',
    },
    {
      says: /\d+ MB are free for "[^"]+", and \d+ MB are needed/,
      put: () => sh('head -c 100m /dev/zero >"$1/filler" 2>/dev/null || true'),
      take: () => sh('rm "$1/filler"'),
    },
    {
      says: /Cannot put [^\n]+ENOSPC/,
      put: () => sh('mount -o "remount,nr_inodes=$(($(df --output=iused "$1" | tail -n 1) + 20))" "$1"'),
      take: () => remount('nr_inodes=5000'),
    },
    { says: /cannot be written to/, put: () => remount('ro'), take: () => remount('rw') },
  ]
  for (const { says, put, take, words = [] } of inWay) {
    await put()
    const { code, stderr } = await update(alpha, 'root', beta.ip, ...words, ...FAST)

    expect([code, stderr]).toEqual([1, expect.stringMatching(says)])
    expect([await currentOf(beta), await isAlive(beta), await keptTree(beta)]).toEqual([old, true, before])
    await take()
  }
  expect(await sh('find "$1/versions" -name ".incoming*"')).toBe('')
  expect(await update(alpha, 'root', beta.ip, ...FAST)).toMatchObject({ code: 0, stderr: '' })
  expect([(await currentOf(beta)) === old, await keptTree(beta)]).toEqual([false, before])
})

test('an id that another machine has is refused before anything is changed', async () => {
  await using fleet = await fleetOf('beta', 'gamma')
  const { alpha, lab } = fleet
  const [beta, gamma] = [lab.machine('beta'), lab.machine('gamma')]
  await run(alpha, 'remote-install', 'root', beta.ip, ...FAST)

  for (const id of ['beta', 'BETA', 'alpha']) {
    const { code, stderr } = await run(alpha, 'remote-install', 'root', gamma.ip, 'Third', id, ...FAST)
    expect([id, code, stderr.split('\n').length]).toEqual([id, 2, 3])
  }
  await expect(stat(gamma.clanHome)).rejects.toThrow()

  // The same machine, wiped: it may have its id again.
  await beta.must(['sh', '-c', 'rm -rf "$1"', 'sh', beta.clanHome])
  expect(await run(alpha, 'remote-install', 'root', beta.ip, 'Beta', 'beta', ...FAST)).toMatchObject({
    code: 0,
  })
})

test('words and flags are checked before anything is asked', async () => {
  await using fleet = await fleetOf()
  const { alpha } = fleet

  for (const words of [
    ['root'],
    ['all', '--port', '22'],
    ['root', '10.77.1.2', 'n', 'id', '0'],
    ['root', '10.77.1.2', 'n', 'id', '10000'],
    ['root', '10.77.1.2', '--node', 'node'],
    ['root', '10.77.1.2', '$(id)', '../x'],
    ['--', '-oProxyCommand=id', '10.77.1.2'],
  ]) {
    const { code, stderr } = await run(alpha, 'remote-install', ...words)
    expect([words, code]).toEqual([words, 2])
    expect(stderr).toMatch(/^claw-remote-install: [^\n]+\n( {2}next: [^\n]+\n)?$/)
  }
})

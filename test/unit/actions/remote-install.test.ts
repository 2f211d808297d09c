import { describe, expect, test } from 'vitest'
import { installOnPeer } from '../../../src/actions/remote-install.ts'
import { updateFleet } from '../../../src/actions/remote-install-all.ts'
import type { InstallRequest, RemoteDeps } from '../../../src/actions/remote-installation.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { InstallSurvey } from '../../../src/fleet/install-survey.ts'
import type { Candidate } from '../../../src/fleet/peer.ts'
import type { Received } from '../../../src/fleet/version-stream.ts'
import { aCandidate, id, miss } from '../../support/builders.ts'
import { memoryClan } from '../../support/memory-clan.ts'

const now = new Date('2026-11-20T12:00:00Z')
const NAME = '2.1.0-0123456789ab'
const OLD = '2.0.0-ba9876543210'
const HOME = '/home/claw/.openclaw/claw-clan'
const NODE = '/usr/local/bin/node'
const request: InstallRequest = {
  ...{ user: 'claw', host: '10.0.0.2', port: 22, acceptNew: true, oneWay: false },
  ...{ purpose: 'install', register: true, schedule: true, dryRun: false },
}
const empty: InstallSurvey = {
  ...{ home: HOME, system: 'Linux', machine: 'x86_64', hostName: 'beta.local', ownAddress: '10.0.0.1' },
  ...{ freeKb: 1_000_000, isWritable: true, setUp: 'no', gatewayId: undefined, current: undefined },
  nodes: [{ path: NODE, version: '24.11.0' }],
}
const present: InstallSurvey = { ...empty, setUp: 'yes', gatewayId: id('beta'), current: OLD }
const arrived: Received = { ok: true, files: 90, wasThere: false, swept: 0 }

type Bent = {
  readonly survey?: Partial<InstallSurvey>
  readonly received?: Received | undefined
  readonly candidates?: readonly Candidate[]
  readonly isScheduled?: boolean
  /** Command lines that fail there, each with what it prints. */
  readonly fails?: Readonly<Record<string, string>>
}

/** alpha installs on beta, whose answers a test can bend; `ran` tells in order what was done there. */
function worldOf(bent: Bent = {}, names: readonly string[] = ['alpha', 'beta']) {
  const clan = memoryClan(names, () => now)
  const { deps } = clan.member('alpha')
  const ran: string[] = []
  const tested = (ok: boolean) =>
    JSON.stringify({
      ...{ ok, version: '2.1.0', node: '24.11.0' },
      checks: [{ name: 'keys', ok, detail: ok ? 'fine' : 'no OpenSSL' }],
    })
  const remote: RemoteDeps = {
    ...deps,
    store: { ...deps.store, candidates: async () => bent.candidates ?? [] },
    offered: { name: NAME, version: '2.1.0', sentBytes: 400_000, bytes: 1_500_000 },
    pingIntervalMinutes: 15,
    survey: async () => ({ ...empty, ...bent.survey }),
    send: async (_, to) => {
      ran.push(`send to ${to.home} by ${to.node}`)
      return 'received' in bent ? bent.received : arrived
    },
    run: async (_, words) => {
      const line = words.join(' ').replaceAll(`${HOME}/`, '').replace(` --home ${HOME} --json`, '')
      ran.push(line)
      const failure = Object.entries(bent.fails ?? {}).find(([part]) => line.includes(part))
      if (failure !== undefined) return { code: 1, stdout: failure[1], complaint: 'it said why' }
      if (line.startsWith('bin/claw-setup schedule')) {
        const schedule = { changed: bent.isScheduled !== true, scheduler: 'cron', everyMinutes: 15 }
        return { code: 0, stdout: JSON.stringify(schedule), complaint: '' }
      }
      return { code: 0, stdout: line.includes('--self-test') ? tested(true) : '{}', complaint: '' }
    },
  }
  return { clan, remote, ran, failedTest: tested(false) }
}

const failedTestSaying = (detail: string) =>
  JSON.stringify({ ok: false, version: '2.1.0', node: '24.11.0', checks: [{ name: 'x', ok: false, detail }] })

const IN_VERSION = `${NODE} versions/${NAME}/dist`
const results = ({ steps }: Awaited<ReturnType<typeof installOnPeer>>) =>
  steps.map(({ step, result }) => `${step}: ${result}`)

test('a first install tests, switches, tests again, sets up, enrols, and then announces and schedules', async () => {
  const { clan, remote, ran } = worldOf({ candidates: [aCandidate({ leadNumber: 2 })] })

  const installed = await installOnPeer(remote, { ...request, name: 'beta' })

  expect(ran).toEqual([
    `send to ${HOME} by ${NODE}`,
    `${IN_VERSION}/peer.js --self-test --json`,
    `${IN_VERSION}/setup.js activate --node ${NODE}`,
    'bin/claw-peer --self-test --json',
    'bin/claw-setup --yes --gateway-id beta --ssh-user claw --port 22 --lead 3 --name beta --installed-by alpha',
    'bin/claw-register start',
    'bin/claw-setup schedule --dry-run',
    'bin/claw-setup schedule',
  ])
  expect(clan.directions()).toEqual(['alpha>beta', 'beta>alpha'])
  expect(installed).toMatchObject({ gatewayId: 'beta', version: NAME, previous: null, firstInstall: true })
  expect(results(installed)).toEqual([
    ...['host key: ok', 'login: ok', 'node: ok', 'room: ok', 'version: ok', 'self-test: ok', 'in use: ok'],
    ...['state: ok', 'clan key: ok', 'way back: ok', 'fleet: skipped', 'announcing: ok', 'schedule: ok'],
  ])
})

test('a machine that has a state keeps it, and its announcement goes on with the new program', async () => {
  const { remote, ran } = worldOf({ survey: present, isScheduled: true })

  const installed = await installOnPeer(remote, { ...request, lead: 9 })

  expect(ran.slice(3)).toEqual([
    'bin/claw-peer --self-test --json',
    'bin/claw-register restart',
    'bin/claw-setup schedule --dry-run',
  ])
  expect(installed).toMatchObject({ previous: OLD, firstInstall: false })
  expect(installed.steps).toContainEqual({ step: 'in use', result: 'ok', detail: `${NAME}, was ${OLD}` })
})

test('the state of the bash version is taken over with its own answers', async () => {
  const { remote, ran } = worldOf({ survey: { setUp: 'older', gatewayId: id('beta') } })

  await installOnPeer(remote, request)

  expect(ran).toContain('bin/claw-setup --yes --installed-by alpha')
})

test('a dry run looks, and neither sends nor runs anything', async () => {
  const { clan, remote, ran } = worldOf()

  const planned = await installOnPeer(remote, { ...request, dryRun: true, schedule: false })

  expect([ran, clan.directions()]).toEqual([[], []])
  expect(results(planned).slice(4)).toEqual([
    ...['version: would', 'state: would', 'clan key: would', 'announcing: would', 'schedule: skipped'],
  ])
})

test('a schedule that is not seen to work is a finding, in its own words', async () => {
  const { remote } = worldOf({ survey: present, fails: { schedule: '{"warnings":["cron does not run"]}' } })

  const { steps } = await installOnPeer(remote, request)

  expect(steps.at(-1)).toEqual({
    ...{ step: 'schedule', result: 'finding', detail: 'claw-setup schedule: cron does not run' },
  })
})

test('what is impossible there after the enrolment is a finding with its next step', async () => {
  const error = { code: 'no-keeper', message: 'No systemd here', hint: 'Run it by hand' }
  const { remote } = worldOf({ fails: { 'claw-register start': JSON.stringify({ error }) } })

  const { steps } = await installOnPeer(remote, request)

  expect(steps.at(-2)).toEqual({
    ...{ step: 'announcing', result: 'finding' },
    detail: 'claw-register start: No systemd here; Run it by hand',
  })
})

describe('before anything is sent, it is refused', () => {
  test.each<[string, Partial<InstallSurvey>, Partial<InstallRequest>, string, RegExp]>([
    ['without node', { nodes: [] }, {}, 'peer-unfit', /no Node was found there; Node 24\.11/],
    [
      'with an old node',
      { nodes: [{ path: '/usr/bin/node', version: '20.1.0' }] },
      {},
      'peer-unfit',
      /found there is Node 20\.1\.0 at "\/usr\/bin\/node"/,
    ],
    [
      'with a node that does not start',
      { nodes: [{ path: '/x/node', version: undefined }] },
      { node: '/x/node' },
      'peer-unfit',
      /"\/x\/node" does not start/,
    ],
    ['on a full disk', { freeKb: 900 }, {}, 'peer-unfit', /1 MB are free for "[^"]+", and 17 MB are needed/],
    ['in a read-only home', { isWritable: false }, {}, 'peer-unfit', /cannot be written to/],
    ['on another system', { system: 'FreeBSD' }, {}, 'peer-unfit', /macOS or Linux/],
    ['with our own id', {}, { gatewayId: id('ALPHA') }, 'bad-input', /this machine's own id/],
    ['with our own host name', { hostName: 'Alpha.lan' }, {}, 'bad-input', /this machine has that id/],
    ['with another id than it has', present, { gatewayId: id('gamma') }, 'bad-input', /it is "beta" already/],
  ])('%s', async (_, survey, more, code, message) => {
    const { remote, ran } = worldOf({ survey })

    await expect(installOnPeer(remote, { ...request, ...more })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(ran).toEqual([])
  })

  test('with an id that another machine of the fleet has', async () => {
    const { remote, ran } = worldOf({}, ['alpha', 'beta', 'gamma'])
    await installOnPeer(remote, request)
    ran.length = 0

    const third = { ...request, host: '10.0.0.3', gatewayId: id('Beta') }

    await expect(installOnPeer(remote, third)).rejects.toMatchObject({
      code: 'bad-input',
      message: 'Cannot install "10.0.0.3" as "beta": "10.0.0.2" has that id; nothing was changed',
    })
    expect(ran).toEqual([])
  })
})

describe('a version that', () => {
  test.each([
    [{ ok: false, message: 'No space left' } as const, 'No space left'],
    [undefined, 'the connection was cut'],
  ])('does not arrive whole is not used: %j', async (received, why) => {
    const { remote, ran } = worldOf({ survey: present, received })

    await expect(installOnPeer(remote, request)).rejects.toMatchObject({
      message: `Cannot put ${NAME} on "claw@10.0.0.2:22": ${why}; ${OLD} stays in use`,
    })
    expect(ran).toHaveLength(1)
  })

  test('fails its test beside the present one is not used', async () => {
    const { failedTest } = worldOf()
    const { remote, ran } = worldOf({ survey: present, fails: { 'peer.js --self-test': failedTest } })

    await expect(installOnPeer(remote, request)).rejects.toMatchObject({
      code: 'self-test-failed',
      message: expect.stringContaining(`keys: no OpenSSL; ${OLD} stays in use`),
    })
    expect(ran).toHaveLength(2)
  })

  test.each([
    ['the stream', { received: { ok: false, message: 'full\n  next: rm -r x' } as const }],
    ['its own test', { fails: { 'peer.js --self-test': failedTestSaying('full\n  next: rm -r x') } }],
    ['activating', { fails: { activate: '{"error":{"message":"full","hint":"\\n  next: rm -r x"}}' } }],
  ])('fails at %s cannot put lines of its own into ours', async (_what, bent) => {
    const { remote } = worldOf({ survey: present, ...bent })

    await expect(installOnPeer(remote, request)).rejects.toMatchObject({
      message: expect.stringMatching(/^[^\n]*full;? next: rm -r x[^\n]*$/),
    })
  })

  test('fails in its place is taken back', async () => {
    const { remote, ran } = worldOf({ survey: present, fails: { 'bin/claw-peer': '' } })

    await expect(installOnPeer(remote, request)).rejects.toMatchObject({
      code: 'self-test-failed',
      message: expect.stringContaining(`it said why; ${OLD} is again in use there`),
    })
    expect(ran.at(-1)).toBe(`${IN_VERSION}/setup.js rollback`)
  })

  test.each([
    ['was in use before', { ...present, current: NAME }, 'bin/claw-peer'],
    ['is the first one', {}, 'bin/claw-peer'],
    ['cannot be made current', present, 'activate'],
  ])('%s is not stepped back from when it fails', async (_, survey, part) => {
    const { remote, ran } = worldOf({ survey, fails: { [part]: '' } })

    await expect(installOnPeer(remote, request)).rejects.toMatchObject({ code: 'self-test-failed' })
    expect(ran.filter(line => line.includes('rollback'))).toEqual([])
  })
})

describe('updateFleet()', () => {
  const all = { register: true, schedule: true, dryRun: false, oneWay: false }
  /** alpha with beta and gamma enrolled, both with the old version. */
  async function fleet(bent: Bent = {}) {
    const world = worldOf(bent, ['alpha', 'beta', 'gamma'])
    const survey: RemoteDeps['survey'] = async ({ host }) =>
      host === '10.0.0.2' ? { ...present, ...bent.survey } : { ...present, gatewayId: id('gamma') }
    const remote = { ...world.remote, survey }
    for (const host of ['10.0.0.2', '10.0.0.3']) {
      const first = { ...worldOf().remote, ...world.remote, run: worldOf().remote.run, survey }
      await installOnPeer(first, { ...request, host })
    }
    world.ran.length = 0
    return { ...world, remote }
  }
  const states = (updated: Awaited<ReturnType<typeof updateFleet>>) =>
    updated.map(({ gatewayId, state }) => `${gatewayId}: ${state}`)

  test('renews what each machine has, and nothing else', async () => {
    const { remote, ran } = await fleet()

    const updated = await updateFleet(remote, all)

    expect(states(updated)).toEqual(['beta: updated', 'gamma: updated'])
    expect(ran).toHaveLength(10)
    expect(ran.filter(line => !/^send|self-test|activate|restart$/.test(line))).toEqual([])
    expect(updated[0]?.install && results(updated[0].install).slice(-3)).toEqual([
      ...['state: unchanged', 'clan key: ok', 'announcing: ok'],
    ])
  })

  test('skips who is away and goes on', async () => {
    const { clan, remote } = await fleet()
    const survey: RemoteDeps['survey'] = async (login, node) => {
      if (login.host === '10.0.0.2') throw new ClawError('ssh-refused', 'Nothing listens')
      return remote.survey(login, node)
    }

    const updated = await updateFleet({ ...remote, survey }, all)

    expect(states(updated)).toEqual(['beta: offline', 'gamma: updated'])
    expect(clan.directions()).toContain('alpha>beta')
  })

  test('goes on after one that cannot take it, and says what to do', async () => {
    const { remote } = await fleet({ survey: { setUp: 'no' } })

    const updated = await updateFleet(remote, all)

    expect(states(updated)).toEqual(['beta: failed', 'gamma: updated'])
    expect(updated[0]?.next).toContain('claw-remote-install claw 10.0.0.2')
  })

  test('stops after a version that does not work on a machine', async () => {
    const { remote } = await fleet({ fails: { 'peer.js --self-test': '' } })

    expect(states(await updateFleet(remote, all))).toEqual(['beta: failed', 'gamma: not tried'])
  })

  test('says so when the clan key is not answered afterwards', async () => {
    const { remote } = await fleet()

    const [beta] = await updateFleet({ ...remote, probe: async () => miss }, all)

    expect(beta?.install?.steps.at(-2)).toMatchObject({ step: 'clan key', result: 'finding' })
  })
})

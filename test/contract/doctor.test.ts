import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DoctorHome, openDoctorHome, type Told } from '../support/doctor-home.ts'
import { buildPrograms, treeOf } from '../support/installed.ts'
import { loopbackHome, startRegister } from '../support/mdns-home.ts'
import { runProgram, temporaryFolder } from '../support/program.ts'
import { aKey } from '../support/public-keys.ts'

let built: Awaited<ReturnType<typeof temporaryFolder>>
let dist: string
beforeAll(async () => {
  built = await temporaryFolder()
  dist = buildPrograms(join(built.path, 'dist'))
})
afterAll(() => built[Symbol.asyncDispose]())

/** What a fault adds to the findings of the same home without it. */
const added = (before: readonly Told[], after: readonly Told[]) =>
  after.filter(each => !before.some(old => old.id === each.id && old.message === each.message))

const idsOf = (findings: readonly Told[]) => findings.map(({ id, severity }) => `${id} ${severity}`)

/** Files that programs make anew as they run: the compile cache, lock files, and the journal's side files. */
const isTransient = (path: string) => /\/dist\/cache|(^|\/)locks(\/|$)|journal\.db-(shm|wal)$/.test(path)
const treeIn = ({ owner }: DoctorHome) => treeOf(owner.home, isTransient)

type Fault = {
  readonly fault: string
  readonly plant: (home: DoctorHome) => void
  readonly found: readonly string[]
}

const edit = (path: string, change: (text: string) => string) =>
  writeFileSync(path, change(readFileSync(path, 'utf8')))
const grow = (path: string, text: string) => appendFileSync(path, text)
const studio = (home: DoctorHome) => home.at('peers', 'studio.json')

const MENDED: readonly (Fault & { readonly changes: (home: DoctorHome) => readonly string[] })[] = [
  {
    fault: 'others can read a file',
    plant: home => chmodSync(home.at('state.json'), 0o644),
    found: ['permissions warning'],
    changes: () => ['state.json'],
  },
  {
    fault: 'others can enter the home',
    plant: home => chmodSync(home.at(), 0o755),
    found: ['permissions warning'],
    changes: () => [''],
  },
  {
    fault: 'others can write to a record and to a folder',
    plant: home => {
      chmodSync(studio(home), 0o666)
      chmodSync(home.at('peers'), 0o777)
    },
    found: ['permissions problem'],
    changes: () => ['peers', 'peers/studio.json'],
  },
  {
    fault: 'killed writers left temporary files',
    plant: home => {
      for (const path of [
        home.at('.state.json.2s-1x9k3.tmp'),
        home.at('keys', 'id_ed25519.0123456789abcdef.new'),
      ]) {
        writeFileSync(path, '{', { mode: 0o600 })
        utimesSync(path, 1_700_000_000, 1_700_000_000)
      }
    },
    found: ['leftovers note'],
    changes: () => ['.state.json.2s-1x9k3.tmp', 'keys/id_ed25519.0123456789abcdef.new'],
  },
  {
    fault: 'the public half of the clan key is missing',
    plant: home => unlinkSync(home.at('keys', 'id_ed25519.pub')),
    found: ['clan-key warning'],
    changes: () => ['keys/id_ed25519.pub'],
  },
  {
    fault: 'the public half is that of another key',
    plant: home => edit(home.at('keys', 'id_ed25519.pub'), () => `ssh-ed25519 ${aKey('x').base64} x\n`),
    found: ['clan-key warning'],
    changes: () => ['keys/id_ed25519.pub'],
  },
  {
    fault: 'identity.json is missing',
    plant: home => unlinkSync(home.at('identity.json')),
    found: ['identity problem'],
    changes: () => ['identity.json'],
  },
  {
    fault: 'identity.json tells another lead number',
    plant: home => edit(home.at('identity.json'), text => text.replace('"leadNumber":1', '"leadNumber":7')),
    found: ['identity warning'],
    changes: () => ['identity.json'],
  },
  {
    fault: 'a launcher is missing',
    plant: home => unlinkSync(home.at('bin', 'claw-ping')),
    found: ['launchers problem'],
    changes: () => ['bin/claw-ping'],
  },
  {
    fault: 'the node of a launcher is gone',
    plant: home =>
      edit(home.at('bin', 'claw-ping'), text => text.replace(/^node='.*'$/m, "node='/gone/bin/node'")),
    found: ['node problem'],
    changes: () => ['bin/claw-ping'],
  },
  {
    fault: 'the gate cannot be started',
    plant: home => chmodSync(home.at('bin', 'claw-peer'), 0o600),
    found: ['launchers problem', 'gate problem'],
    changes: () => ['bin/claw-peer'],
  },
]

describe('what --fix puts right', () => {
  test.each(MENDED)('$fault', async ({ plant, found, changes }) => {
    await using home = await openDoctorHome(dist)
    const before = await home.doctor()
    plant(home)
    const broken = treeIn(home)

    const faulty = await home.doctor()
    const planned = await home.doctor('--fix', '--dry-run')
    const untouched = treeIn(home)
    const mending = await home.doctor('--fix')
    const mended = treeIn(home)
    const after = await home.doctor()

    expect(idsOf(added(before, faulty)).toSorted()).toEqual(found.toSorted())
    expect(untouched).toEqual(broken)
    expect(added(before, planned).map(({ wouldFix }) => typeof wouldFix)).toEqual(found.map(() => 'string'))
    expect(added(before, mending).map(({ fixed }) => typeof fixed)).toEqual(found.map(() => 'string'))
    expect(added(before, after)).toEqual([])
    expect(changedPaths(broken, mended, home)).toEqual(changes(home))
  })
})

/** Paths below the home that differ; the empty path is the home itself. */
function changedPaths(before: Record<string, string>, after: Record<string, string>, { owner }: DoctorHome) {
  const base = owner.paths.home.slice(owner.home.length + 1)
  const all = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return all
    .filter(path => before[path] !== after[path])
    .map(path => path.slice(base.length + 1))
    .toSorted()
}

const TOLD: readonly Fault[] = [
  {
    fault: 'a peer record does not parse',
    plant: home => writeFileSync(studio(home), '{"gatewayId":"stu'),
    found: ['records problem'],
  },
  {
    fault: 'the manifest does not parse',
    plant: home => writeFileSync(home.at('fleet.json'), 'x'),
    found: ['records problem'],
  },
  {
    fault: 'a candidate does not parse',
    plant: home => {
      mkdirSync(home.at('candidates'), { recursive: true, mode: 0o700 })
      writeFileSync(home.at('candidates', 'laptop.json'), '[]', { mode: 0o600 })
    },
    found: ['records problem'],
  },
  {
    fault: 'the journal is no journal',
    plant: home => {
      for (const end of ['', '-shm', '-wal']) rmSync(`${home.at('journal.db')}${end}`, { force: true })
      writeFileSync(home.at('journal.db'), 'x'.repeat(4096), { mode: 0o600 })
    },
    found: ['records problem', 'pending warning', 'schedule warning'],
  },
  {
    fault: 'state.json does not parse',
    plant: home => writeFileSync(home.at('state.json'), '{'),
    found: ['identity problem'],
  },
  {
    fault: 'a damaged file was set aside',
    plant: home => writeFileSync(`${studio(home)}.corrupt-20261120T101010.000Z`, 'x', { mode: 0o600 }),
    found: ['set-aside note'],
  },
  {
    fault: 'the clan key is missing, and a peer knows it',
    plant: home => unlinkSync(home.at('keys', 'id_ed25519')),
    found: ['clan-key problem'],
  },
  {
    fault: 'state.json has another clan key',
    plant: home => edit(home.at('state.json'), text => text.replace(/SHA256:.{4}/, 'SHA256:AAAA')),
    found: ['clan-key problem'],
  },
  {
    fault: 'a host key is not pinned',
    plant: home => unlinkSync(home.at('known_hosts')),
    found: ['host-keys problem'],
  },
  {
    fault: 'a line of known_hosts pins nothing',
    plant: home => grow(home.at('known_hosts'), '# a comment\n\nexample.net ssh-rsa AAAA\n'),
    found: ['host-keys note'],
  },
  {
    fault: 'another host key is pinned than the record says',
    plant: home =>
      edit(studio(home), text => text.replace(/"hostKey": "SHA256:.{4}/, '"hostKey": "SHA256:AAAA')),
    found: ['host-keys warning'],
  },
  {
    fault: 'a peer is not in authorized_keys',
    plant: home => writeFileSync(home.authorizedKeys, 'ssh-rsa AAAA mark@home\n'),
    found: ['authorized-keys warning'],
  },
  {
    fault: 'authorized_keys starts the gate of another home',
    plant: home => edit(home.authorizedKeys, text => text.replace('bin/claw-peer', 'old/claw-peer')),
    found: ['authorized-keys warning'],
  },
  {
    fault: 'authorized_keys lets in a machine that is not enrolled',
    plant: home => unlinkSync(studio(home)),
    found: ['authorized-keys warning'],
  },
  {
    fault: 'others can write to the folder of authorized_keys',
    plant: home => chmodSync(join(home.owner.home, '.ssh'), 0o777),
    found: ['strict-modes warning'],
  },
  {
    fault: 'a setting is out of bounds',
    plant: home =>
      writeFileSync(home.at('config.json'), '{"mdns":{"interfaces":["none0"]},"pingTimeoutSeconds":900}'),
    found: ['settings problem'],
  },
  {
    fault: 'a setting nobody knows',
    plant: home => writeFileSync(home.at('config.json'), '{"mdns":{"interfaces":["none0"]},"colour":"red"}'),
    found: ['settings note'],
  },
  {
    fault: 'two machines have one lead number',
    plant: home => edit(studio(home), text => text.replace('"leadNumber": 2', '"leadNumber": 1')),
    found: ['lead-numbers note'],
  },
  {
    fault: 'a peer has an older version',
    plant: home => edit(studio(home), text => text.replace('"version": "2.0.0"', '"version": "1.0.0"')),
    found: ['versions note'],
  },
  {
    fault: 'an installed program was changed',
    plant: home => grow(home.at('current', 'dist', 'lib', 'ping.js'), '\n'),
    found: ['version problem'],
  },
  {
    fault: 'another program has our name on PATH',
    plant: home => {
      const link = join(home.owner.home, '.local', 'bin', 'claw-ping')
      unlinkSync(link)
      writeFileSync(link, '#!/bin/sh\n', { mode: 0o755 })
    },
    found: ['path-links note'],
  },
]

describe('what it tells, and leaves as it is', () => {
  test.each(TOLD)('$fault', async ({ plant, found }) => {
    await using home = await openDoctorHome(dist)
    const before = await home.doctor()
    plant(home)
    const broken = treeIn(home)

    const faulty = added(before, await home.doctor())
    await home.doctor('--fix')

    expect(idsOf(faulty).toSorted()).toEqual(found.toSorted())
    expect(faulty.filter(({ next }) => next === null)).toEqual([])
    expect(treeIn(home)).toEqual(broken)
  })
})

test('links outside the home are put back; what somebody else has there stays', async () => {
  await using home = await openDoctorHome(dist)
  const bin = join(home.owner.home, '.local', 'bin')
  const skill = join(home.owner.home, '.openclaw', 'skills', 'claw-clan')
  const before = await home.doctor()
  unlinkSync(join(bin, 'claw-ping'))
  unlinkSync(join(bin, 'claw-status'))
  symlinkSync('/nowhere', join(bin, 'claw-status'))
  unlinkSync(skill)

  const faulty = added(before, await home.doctor())
  await home.doctor('--fix')

  expect(idsOf(faulty).toSorted()).toEqual(['path-links note', 'path-links warning', 'skills warning'])
  expect(existsSync(join(bin, 'claw-ping'))).toBe(true)
  expect(existsSync(join(skill, 'SKILL.md'))).toBe(true)
  expect(idsOf(added(before, await home.doctor()))).toEqual(['path-links note'])
})

describe('OpenClaw', () => {
  /** A program of that name which answers as OpenClaw's does, and leaves a mark when it is started. */
  function fakeOpenClaw({ owner }: DoctorHome, answer: string) {
    const folder = join(owner.home, 'openclaw')
    mkdirSync(join(folder, 'bin'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"name":"openclaw","version":"2026.9.6"}')
    const script = `#!/bin/sh\necho "$*" >>"${folder}/started"\n${answer}\n`
    writeFileSync(join(folder, 'bin', 'openclaw'), script, { mode: 0o755 })
    const look = async (...flags: readonly string[]) => {
      const env = { PATH: `${join(folder, 'bin')}:${owner.env.PATH}` }
      const { stdout } = await owner.run(
        [join(owner.paths.bin, 'claw-doctor'), '--json', '--all', ...flags],
        env,
      )
      const { findings } = JSON.parse(stdout) as { readonly findings: readonly Told[] }
      return findings
        .filter(({ id }) => id === 'openclaw' || id === 'skills')
        .map(({ severity, message }) => `${severity} ${message}`)
    }
    const started = () =>
      existsSync(join(folder, 'started')) ? readFileSync(join(folder, 'started'), 'utf8') : ''
    return { look, started }
  }

  test('its version is read without starting it', async () => {
    await using home = await openDoctorHome(dist)
    const { look, started } = fakeOpenClaw(home, 'exit 1')

    const [openclaw, skills] = await look()

    expect(openclaw).toMatch(/^ok OpenClaw 2026\.9\.6 at /)
    expect(skills).toMatch(/^ok 1 skill in /)
    expect(started()).toBe('')
  })

  test.each([
    [`echo '{"eligible":true,"modelVisible":true}'`, undefined],
    [`echo '{"eligible":true,"modelVisible":true,"disabled":true}'`, 'switched off'],
    [`echo '{"eligible":false,"missing":{"bins":["ssh"]}}'`, 'something is missing: {"bins":["ssh"]}'],
    ['echo "[skills] Skill not found" >&2; exit 1', 'Skill not found'],
    ['echo hello', 'its answer is no JSON'],
  ])('with --deep it is asked, and says %j', async (answer, why) => {
    await using home = await openDoctorHome(dist)
    const { look, started } = fakeOpenClaw(home, answer)

    const findings = await look('--deep')

    expect(started()).toBe('skills info claw-clan --json\n')
    expect(findings.filter(finding => finding.startsWith('warning'))).toEqual(
      why === undefined ? [] : [expect.stringContaining(why)],
    )
  })
})

test('settings of our name in the working directory are told, and nothing of them runs', async () => {
  await using home = await openDoctorHome(dist)
  const folder = join(home.owner.home, 'work')
  const trap = "require('node:fs').writeFileSync('/tmp/claw-doctor-trap', '')"
  mkdirSync(join(folder, '.config'), { recursive: true })
  writeFileSync(join(folder, '.config', 'config.js'), trap)
  writeFileSync(join(folder, '.clawrc.js'), trap)
  writeFileSync(join(folder, 'package.json'), '{"claw": {}}')

  const { stdout } = await home.owner.run([
    '/bin/sh',
    '-c',
    `cd "${folder}" && exec "${home.at('bin', 'claw-doctor')}" --json`,
  ])

  const told = (JSON.parse(stdout).findings as readonly Told[]).find(({ id }) => id === 'foreign-config')
  expect(told?.message).toMatch(/\.clawrc\.js.*config\.js.*package\.json/)
  expect(existsSync('/tmp/claw-doctor-trap')).toBe(false)
})

test('--check ends with 1 while a problem is left, and text fits 80 columns', async () => {
  await using home = await openDoctorHome(dist)

  const { code, stdout, stderr } = await home.run('--check', '--all')

  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  expect(stdout).toMatch(/^problem {2}/)
  expect(stdout).toMatch(/\d+ problems?, .*checks are fine\n$/)
  const words = stdout.split('\n').filter(line => line.length > 80 && /\s\S+\s+\S/.test(line.trim()))
  expect(words).toEqual([])
})

test('its launchers and files keep their modes under umask 000', async () => {
  await using home = await openDoctorHome(dist)
  unlinkSync(home.at('identity.json'))
  unlinkSync(home.at('bin', 'claw-ping'))

  await home.owner.run(['/bin/sh', '-c', `umask 000; exec "${home.at('bin', 'claw-doctor')}" --fix`])

  expect(statSync(home.at('identity.json')).mode & 0o777).toBe(0o600)
  expect(statSync(home.at('bin', 'claw-ping')).mode & 0o777).toBe(0o700)
})

test('a machine that is announced is heard; when its announcer ends, that is found', async () => {
  await using home = await loopbackHome('contract-doc')
  const look = async () => {
    const { stdout } = await runProgram('doctor', ['--json', '--home', home.path], {
      env: { HOME: home.path, PATH: '/usr/bin:/bin', CLAW_CLAN_AUTHORIZED_KEYS: join(home.path, 'ak') },
    })
    return (JSON.parse(stdout).findings as readonly Told[]).filter(({ id }) => id === 'announcement')
  }

  const silent = await look()
  let heard: readonly Told[]
  {
    await using register = startRegister(home.path)
    await register.saying('Announced')
    heard = await look()
  }

  expect(silent).toMatchObject([{ severity: 'warning', message: 'Nothing announces it' }])
  expect(heard.map(({ message }) => message).join()).not.toContain('not heard')
  expect(heard.filter(({ severity }) => severity === 'problem')).toEqual([])
})

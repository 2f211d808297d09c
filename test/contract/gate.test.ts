import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeLaunchers } from '../../src/adapters/gate.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { parseAck } from '../../src/fleet/probe.ts'
import { id } from '../support/builders.ts'
import { shells } from '../support/shells.ts'

const HOSTILE = ['it\'s "$(touch x)" `touch x` $HOME *?[a] #%!;&|<>()', 'line\nbreak', '-n']
const IDENTITY = '{\n  "gatewayId": "studio",\n  "name": "back\\\\slash \\"quoted\\" 100%"\n}'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-gate-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A home with launchers whose programs tell how they were called. */
function install(name: string, node = process.execPath) {
  const paths = homePaths(join(folder, name))
  mkdirSync(paths.home, { recursive: true })
  writeFileSync(paths.identity, IDENTITY)
  const script = join(paths.home, 'program.mjs')
  const tell = '{ args: process.argv.slice(2), home: process.env.CLAW_CLAN_HOME, path: process.env.PATH }'
  writeFileSync(script, `console.log(JSON.stringify(${tell}))`)
  const written = writeLaunchers({ paths, node, programs: { peer: script, ping: script } })
  return { paths, written, gate: join(paths.bin, 'claw-peer'), launcher: join(paths.bin, 'claw-ping') }
}

/** A node in the home itself: a program that tells its version, or the real one. */
function ownNode({ node }: ReturnType<typeof homePaths>, version: string, text?: string): string {
  const file = join(node, version, 'bin', 'node')
  mkdirSync(dirname(file), { recursive: true })
  if (text === undefined) symlinkSync(process.execPath, file)
  else writeFileSync(file, text, { mode: 0o755 })
  return file
}

/** Run with nothing but the given environment, as cron and a forced command would. */
const bare = (command: readonly string[], env: Record<string, string> = {}) => {
  const [program = '', ...args] = command
  return spawnSync(program, args, { encoding: 'utf8', env, cwd: folder, input: '' })
}

describe.each(shells)('the gate under $name', ({ path, args }) => {
  const ask = (gate: string, request: string) =>
    bare([path, ...args, gate], { SSH_ORIGINAL_COMMAND: request })

  test.each(HOSTILE)('answers a ping and starts the program in a home named %j', name => {
    const { gate, paths } = install(name)

    const ping = ask(gate, 'ping 00ff')
    const serve = ask(gate, 'serve')

    expect(ping).toMatchObject({ status: 0, stderr: '' })
    expect(parseAck(ping.stdout, '00ff', id('studio'))).toMatchObject({
      kind: 'ack',
      identity: { name: 'back\\slash "quoted" 100%' },
    })
    expect(ping.stdout.split('\n').slice(1).join('\n')).toBe(`${IDENTITY}\n`)
    expect(JSON.parse(serve.stdout)).toMatchObject({ args: ['serve'], home: paths.home })
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  test.each([
    '',
    'ping',
    'ping ',
    'ping g',
    'ping ab cd',
    'ping ab\n',
    'ping ab; id',
    'ping $(id)',
    'ping -n',
    `ping ${'a'.repeat(65)}`,
    ' ping ab',
    'PING ab',
    'serve ',
    'serve --home /tmp',
    'servex',
    'id',
    'sh -c id',
    '/usr/lib/openssh/sftp-server',
    'internal-sftp',
    'scp -f /etc/passwd',
    '-c id',
    "'; id; '",
    '*',
  ])('refuses %j with one line and exit code 126', request => {
    const { gate } = install('home')

    const { status, stdout, stderr } = ask(gate, request)

    expect({ status, stdout }).toEqual({ status: 126, stdout: '' })
    expect(stderr).toMatch(/^[^\n]+\n$/)
  })

  test('refuses a login without any command', () => {
    const { gate } = install('home')

    expect(bare([path, ...args, gate])).toMatchObject({ status: 126, stdout: '' })
  })

  test('hands the arguments of a person to the program, and none of another machine', () => {
    const { gate } = install('home')

    const person = bare([path, ...args, gate, '--help', 'two words', ''])
    const machine = bare([path, ...args, gate, '--help'], { SSH_ORIGINAL_COMMAND: 'id' })

    expect(JSON.parse(person.stdout).args).toEqual(['--help', 'two words', ''])
    expect(machine).toMatchObject({ status: 126, stdout: '' })
  })

  test('answers a ping without node, PATH or HOME, and takes no PATH from outside', () => {
    const paths = homePaths(join(folder, 'home'))
    mkdirSync(paths.home)
    writeFileSync(paths.identity, IDENTITY)
    writeLaunchers({ paths, node: '/nowhere/node', programs: { peer: '/nowhere/peer.js' } })
    writeFileSync(join(folder, 'date'), '#!/bin/sh\necho 7', { mode: 0o755 })
    const gate = join(paths.bin, 'claw-peer')

    const ping = bare([path, ...args, gate], { SSH_ORIGINAL_COMMAND: 'ping ab', PATH: folder })

    expect(parseAck(ping.stdout, 'ab', id('studio'))).toMatchObject({ kind: 'ack' })
    expect(ping.stdout).not.toContain(' 7 ')
    expect(ask(gate, 'serve').status).toBe(127)
  })

  test('starts the program whatever language or option of node the other side sends along', () => {
    const { gate, paths } = install('home')
    const odd = 'x$(touch x)/../'
    const env = {
      LC_ALL: odd,
      LANG: odd,
      LC_MESSAGES: odd,
      NODE_OPTIONS: '--require /nowhere',
      NODE_PATH: odd,
    }

    const serve = bare([path, ...args, gate], { ...env, SSH_ORIGINAL_COMMAND: 'serve' })

    expect(JSON.parse(serve.stdout)).toMatchObject({ args: ['serve'], home: paths.home })
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  test('says that the machine is not set up when it has no identity', () => {
    const { gate, paths } = install('home')
    rmSync(paths.identity)

    const { status, stdout, stderr } = ask(gate, 'ping ab')

    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain('claw-setup')
  })

  test.each(HOSTILE)('starts a launcher in a home named %j with its own home and node', name => {
    const { launcher, paths } = install(name)

    const { stdout, stderr, status } = bare([path, ...args, launcher, '--only', 'a b', "it's"])

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ args: ['--only', 'a b', "it's"], home: paths.home })
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  test.each(HOSTILE)('where node is gone, takes another of a home named %j and says so in one line', name => {
    const { paths, launcher, gate } = install(name, join(folder, 'removed', 'node'))
    ownNode(paths, '24.10.9', '#!/bin/sh\necho v24.10.9\n')
    ownNode(paths, '24.11.x', '#!/bin/sh\nexit 1\n')
    const used = ownNode(paths, process.versions.node)

    const started = bare([path, ...args, launcher, 'a b', "it's"])
    const served = ask(gate, 'serve')

    expect(started.status).toBe(0)
    expect(JSON.parse(started.stdout)).toMatchObject({ args: ['a b', "it's"], home: paths.home })
    expect(started.stderr).toBe(
      `claw-ping: "${join(folder, 'removed', 'node')}" is gone, "${used}" is used: run "claw-setup --yes"\n`,
    )
    expect(JSON.parse(served.stdout)).toMatchObject({ args: ['serve'], home: paths.home })
    expect(served.stderr).toMatch(/^claw-peer: .* is gone, .* is used/s)
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  test('where the program itself is gone, says what to do', () => {
    const { paths, launcher } = install('home')
    rmSync(join(paths.home, 'program.mjs'))

    const { status, stdout, stderr } = bare([path, ...args, launcher])

    expect({ status, stdout }).toEqual({ status: 127, stdout: '' })
    expect(stderr).toMatch(/^claw-ping: "[^"]+program\.mjs" is missing: [^\n]+npm run setup[^\n]+\n$/)
  })
})

describe('writeLaunchers()', () => {
  test('writes executable files for the owner only, whatever the umask', () => {
    const before = process.umask(0)
    try {
      const { written, paths } = install('home')

      expect(written.toSorted()).toEqual([join(paths.bin, 'claw-peer'), join(paths.bin, 'claw-ping')])
      for (const file of written) expect(statSync(file).mode & 0o777).toBe(0o700)
      expect(statSync(paths.bin).mode & 0o777).toBe(0o700)
    } finally {
      process.umask(before)
    }
  })

  test('replaces what is there and is the same when done twice', () => {
    const { launcher, paths } = install('home')
    const first = readFileSync(launcher, 'utf8')
    writeFileSync(launcher, 'old')

    install('home')

    expect(readFileSync(launcher, 'utf8')).toBe(first)
    expect(spawnSync('ls', ['-A', paths.bin], { encoding: 'utf8' }).stdout).toBe('claw-peer\nclaw-ping\n')
  })

  test('an installed home is told to activate its version again', () => {
    const { paths } = install('home')
    const script = join(paths.current, 'dist', 'ping.js')
    mkdirSync(dirname(script), { recursive: true })
    writeFileSync(script, '')
    ownNode(paths, process.versions.node)
    writeLaunchers({ paths, node: '/nowhere/node', programs: { ping: script } })

    expect(bare([join(paths.bin, 'claw-ping')]).stderr).toContain('is used: run "claw-setup activate"')
  })

  test("what a program writes is the owner's alone, whatever the umask", () => {
    const { paths, launcher } = install('home')
    const file = join(folder, 'written')
    writeFileSync(
      join(paths.home, 'program.mjs'),
      "import fs from 'node:fs'; fs.writeFileSync(process.argv[2], '')",
    )

    spawnSync('sh', ['-c', 'umask 000; exec "$0" "$1"', launcher, file])

    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('lets a launcher obey a CLAW_CLAN_HOME that is set', () => {
    const { launcher } = install('home')

    const { stdout } = bare([launcher], { CLAW_CLAN_HOME: '/else/where' })

    expect(JSON.parse(stdout).home).toBe('/else/where')
  })

  test.each([
    { why: 'a relative node', plan: { node: 'node' } },
    { why: 'a relative script', plan: { programs: { ping: 'ping.js' } } },
    { why: 'a name that is a path', plan: { programs: { '../ping': '/ping.js' } } },
  ])('writes nothing for $why', ({ plan }) => {
    const paths = homePaths(join(folder, 'home'))

    const write = () => writeLaunchers({ paths, node: '/node', programs: { ping: '/ping.js' }, ...plan })

    expect(write).toThrow(expect.objectContaining({ code: 'bad-input' }))
    expect(existsSync(paths.home)).toBe(false)
  })
})

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import fc from 'fast-check'
import { parse } from 'plist'
import { describe, expect, test } from 'vitest'
import { startAnnouncing, stopAnnouncing } from '../../src/actions/keep-announced.ts'
import { systemClock } from '../../src/adapters/clock.ts'
import { ownAddresses } from '../../src/adapters/interfaces.ts'
import type { KeepAlive } from '../../src/adapters/keep-alive.ts'
import { launchdKeepAlive } from '../../src/adapters/keep-alive-launchd.ts'
import { type LaunchAgent, launchAgentText, templateFolder } from '../../src/adapters/launch-agent.ts'
import {
  installLaunchAgent,
  type LaunchdSession,
  launchAgentFile,
  launchAgentState,
  removeLaunchAgent,
} from '../../src/adapters/launchd.ts'
import { browse } from '../../src/adapters/mdns-browse.ts'
import { askPresence } from '../../src/adapters/presence.ts'
import { parseIdentity } from '../../src/fleet/identity.ts'
import { HOSTILE_WORDS } from '../support/hostile-words.ts'
import { loopbackHome } from '../support/mdns-home.ts'
import { scriptOf, temporaryFolder } from '../support/program.ts'

const TEMPLATES = join(import.meta.dirname, '..', '..', 'launchd')

const anAgent = (facts: Partial<LaunchAgent> = {}): LaunchAgent => ({
  label: 'com.openclaw.claw-clan-mdns',
  argv: ['/Users/a/.openclaw/claw-clan/bin/claw-register', 'run'],
  stdoutLog: '/Users/a/logs/out.log',
  stderrLog: '/Users/a/logs/err.log',
  when: { kind: 'always' },
  ...facts,
})

/** What another parser than ours reads: libplist's, or macOS's own. */
function readBack(text: string): unknown {
  const [file, ...args] =
    process.platform === 'darwin'
      ? ['plutil', '-convert', 'xml1', '-o', '-', '-']
      : ['plistutil', '-f', 'bin']
  const other = execFileSync(file ?? '', args, { input: text })
  return process.platform === 'darwin'
    ? parse(other.toString())
    : parse(execFileSync('plistutil', ['-f', 'xml'], { input: other }).toString())
}

describe('a property list', () => {
  test('of a resident program', () => {
    expect(
      launchAgentText(anAgent({ env: { A: '1' } }), TEMPLATES),
    ).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
  <dict>
    <key>Label</key>
    <string>com.openclaw.claw-clan-mdns</string>
    <key>ProgramArguments</key>
    <array>
      <string>/Users/a/.openclaw/claw-clan/bin/claw-register</string>
      <string>run</string>
    </array>
    <key>EnvironmentVariables</key>
    <dict>
      <key>A</key>
      <string>1</string>
    </dict>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <true/>
    <key>ThrottleInterval</key>
    <integer>15</integer>
    <key>ProcessType</key>
    <string>Background</string>
    <key>Umask</key>
    <integer>63</integer>
    <key>WorkingDirectory</key>
    <string>/</string>
    <key>StandardOutPath</key>
    <string>/Users/a/logs/out.log</string>
    <key>StandardErrorPath</key>
    <string>/Users/a/logs/err.log</string>
  </dict>
</plist>
`)
  })

  test('of a program that comes again has its interval as a number', () => {
    const text = launchAgentText(
      anAgent({ when: { kind: 'every', seconds: 900, runAtLoad: false } }),
      TEMPLATES,
    )

    expect(readBack(text)).toEqual({
      Label: 'com.openclaw.claw-clan-mdns',
      ProgramArguments: ['/Users/a/.openclaw/claw-clan/bin/claw-register', 'run'],
      RunAtLoad: false,
      StartInterval: 900,
      ProcessType: 'Background',
      Umask: 63,
      WorkingDirectory: '/',
      StandardOutPath: '/Users/a/logs/out.log',
      StandardErrorPath: '/Users/a/logs/err.log',
    })
  })

  test('gives any words back as they were, to libplist as to ours', () => {
    const argv = ['/bin/x', ...HOSTILE_WORDS]
    const text = launchAgentText(
      anAgent({ argv, env: { X: HOSTILE_WORDS.join(' ') }, stderrLog: `/${HOSTILE_WORDS.join('')}` }),
      TEMPLATES,
    )

    const expected = {
      ProgramArguments: argv,
      EnvironmentVariables: { X: HOSTILE_WORDS.join(' ') },
      StandardErrorPath: `/${HOSTILE_WORDS.join('')}`,
    }
    expect(parse(text)).toMatchObject(expected)
    expect(readBack(text)).toMatchObject(expected)
  })

  test('random words', () => {
    const word = fc
      .string({ unit: 'grapheme' })
      .filter(text => /^\P{C}*$/u.test(text) && !/[\u2028\u2029]/.test(text))
    fc.assert(
      fc.property(fc.array(word), words => {
        const text = launchAgentText(anAgent({ argv: ['/bin/x', ...words] }), TEMPLATES)
        expect(parse(text)).toMatchObject({ ProgramArguments: ['/bin/x', ...words] })
      }),
    )
  })

  test('is made of the templates of the version that runs, or of the sources', async () => {
    await using folder = await temporaryFolder()
    for (const path of ['v/1/dist', 'v/1/launchd', 'repo/src/bin', 'repo/launchd', 'bin'])
      mkdirSync(join(folder.path, path), { recursive: true })
    for (const file of ['v/1/dist/register.js', 'repo/src/bin/register.ts', 'repo/install.ts'])
      writeFileSync(join(folder.path, file), '')
    symlinkSync('../v/1/dist/register.js', join(folder.path, 'bin', 'claw-register'))

    const foldersOf = ['bin/claw-register', 'repo/src/bin/register.ts', 'repo/install.ts'].map(file =>
      relative(realpathSync(folder.path), templateFolder(join(folder.path, file))),
    )

    expect(foldersOf).toEqual(['v/1/launchd', 'repo/launchd', 'repo/launchd'])
  })

  test.each([
    ['a line feed', { argv: ['/bin/x', 'a\nb'] }],
    ['a NUL', { argv: ['/bin/x', 'a\0'] }],
    ['a relative program', { argv: ['x'] }],
    ['a relative log', { stderrLog: 'err.log' }],
    ['a label that is a path', { label: '../x' }],
    ['a bad variable name', { env: { 'A=B': '1' } }],
  ])('cannot be made with %s', (_, facts) => {
    expect(() => launchAgentText(anAgent(facts), TEMPLATES)).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
  })
})

async function fakeMac() {
  const folder = await temporaryFolder()
  const bin = join(folder.path, 'bin')
  const state = join(folder.path, 'state')
  execFileSync('mkdir', ['-p', bin, state])
  const script = join(import.meta.dirname, '..', 'support', 'fake-launchctl.ts')
  const command = `exec '${process.execPath}' '${script}' '${state}' "$@"`
  writeFileSync(join(bin, 'launchctl'), `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  const env = { HOME: folder.path, PATH: `${bin}:/usr/bin:/bin` }
  const session: LaunchdSession = { env, uid: process.getuid?.() ?? 0, templates: TEMPLATES }
  return {
    path: folder.path,
    session,
    set: (mode: string) => writeFileSync(join(state, mode), ''),
    calls: () => {
      const lines = readFileSync(join(state, 'calls'), 'utf8').trimEnd().split('\n')
      rmSync(join(state, 'calls'))
      return lines.filter(line => !/^(print|list)/.test(line))
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

describe('launchd, as a stand-in for launchctl has it', () => {
  const sleeper = (path: string, seconds = '1000') =>
    anAgent({
      argv: ['/bin/sleep', seconds],
      stdoutLog: join(path, 'l', 'o'),
      stderrLog: join(path, 'l', 'e'),
    })

  test('loads a job once, again when it differs, and takes it away', async () => {
    await using mac = await fakeMac()
    const uid = mac.session.uid
    const file = launchAgentFile('com.openclaw.claw-clan-mdns', mac.session)

    const first = await installLaunchAgent(sleeper(mac.path), mac.session)
    const calls = mac.calls()
    const second = await installLaunchAgent(sleeper(mac.path), mac.session)
    const state = await launchAgentState('com.openclaw.claw-clan-mdns', mac.session)
    const other = await installLaunchAgent(sleeper(mac.path, '999'), mac.session)
    const callsOfOther = mac.calls()
    const modes = [file, join(mac.path, 'l', 'o'), join(mac.path, 'l')].map(
      path => statSync(path).mode & 0o777,
    )
    const gone = [
      await removeLaunchAgent('com.openclaw.claw-clan-mdns', mac.session),
      await removeLaunchAgent('com.openclaw.claw-clan-mdns', mac.session),
    ]

    const job = `gui/${uid}/com.openclaw.claw-clan-mdns`
    expect([first, second, other]).toEqual([true, false, true])
    expect(calls).toEqual([`enable ${job}`, `bootstrap gui/${uid} ${file}`])
    expect(callsOfOther).toEqual([
      `bootout ${job}`,
      `bootout user/${uid}/com.openclaw.claw-clan-mdns`,
      `enable ${job}`,
      `bootstrap gui/${uid} ${file}`,
    ])
    expect(state).toMatchObject({ isLoaded: true, pid: expect.any(Number), lastExitCode: undefined })
    expect(state.pid).not.toBe(7)
    expect(modes).toEqual([0o600, 0o600, 0o700])
    expect(gone).toEqual([true, false])
    expect(existsSync(file)).toBe(false)
  })

  test('without a desktop session falls back to load, and says what launchctl says when that fails', async () => {
    await using mac = await fakeMac()
    mac.set('no-gui')

    await installLaunchAgent(sleeper(mac.path), mac.session)
    const { isLoaded } = await launchAgentState('com.openclaw.claw-clan-mdns', mac.session)
    await removeLaunchAgent('com.openclaw.claw-clan-mdns', mac.session)
    mac.set('no-load')
    const failing = installLaunchAgent(sleeper(mac.path), mac.session)

    expect(isLoaded).toBe(true)
    await expect(failing).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('Domain does not support specified action; Load failed: 5'),
      hint: expect.stringContaining('Log in at the screen'),
    })
  })

  test('without launchctl says so', async () => {
    await using folder = await temporaryFolder()
    const session = { env: { HOME: folder.path, PATH: folder.path }, uid: 1 }

    await expect(launchAgentState('x', session)).rejects.toMatchObject({
      code: 'command-failed',
      message: 'Cannot run "launchctl": it is not installed, or not in PATH',
    })
  })

  test('keeps a machine announced that is really heard; a job that cannot run is told of with its exit code', async () => {
    await using mac = await fakeMac()
    await using home = await loopbackHome('launchd-a')
    const jobOf = (argv: readonly string[]): KeepAlive =>
      launchdKeepAlive(
        {
          label: 'com.openclaw.claw-clan-mdns',
          unit: 'x',
          description: 'x',
          argv,
          stdoutLog: join(home.path, 'logs', 'o'),
          stderrLog: join(home.path, 'logs', 'e'),
        },
        mac.session,
      )
    const state = join(home.path, 'state.json')
    const deps = {
      self: parseIdentity(JSON.parse(readFileSync(state, 'utf8')), state),
      keepAlive: jobOf([process.execPath, scriptOf('register'), 'run', '--home', home.path]),
      announcer: () => askPresence(join(home.path, 'locks'), 'claw-register'),
      browse,
      interfaces: [process.platform === 'darwin' ? 'lo0' : 'lo'],
      ownAddresses,
      clock: systemClock,
    }

    const started = await startAnnouncing(deps)
    const stopped = await stopAnnouncing(deps)
    const failing = startAnnouncing({ ...deps, keepAlive: jobOf(['/bin/false']) })

    expect(started).toMatchObject({ announced: true, manager: 'launchd', startsAt: 'login', warnings: [] })
    expect(stopped).toEqual({ stopped: true, process: null })
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining('launchd has it and does not run it; its last process ended with 78'),
    })
    await deps.keepAlive.stop()
  })
})

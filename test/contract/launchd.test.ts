import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startAnnouncing, stopAnnouncing } from '../../src/actions/keep-announced.ts'
import { systemClock } from '../../src/adapters/clock.ts'
import { ownAddresses } from '../../src/adapters/interfaces.ts'
import type { KeepAlive } from '../../src/adapters/keep-alive.ts'
import { launchdKeepAlive } from '../../src/adapters/keep-alive-launchd.ts'
import {
  installLaunchAgent,
  launchAgentFile,
  launchAgentState,
  removeLaunchAgent,
} from '../../src/adapters/launchd.ts'
import { browse } from '../../src/adapters/mdns-browse.ts'
import { askPresence } from '../../src/adapters/presence.ts'
import { parseIdentity } from '../../src/fleet/identity.ts'
import { fakeMac } from '../support/fake-mac.ts'
import { anAgent } from '../support/launch-agent.ts'
import { loopbackHome } from '../support/mdns-home.ts'
import { runProgram, scriptOf, temporaryFolder } from '../support/program.ts'

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

  test('is what claw-register start goes to on a Mac; a job of the bash version is kept aside', async () => {
    await using mac = await fakeMac()
    await using home = await loopbackHome('launchd-b')
    const agents = join(mac.path, 'Library', 'LaunchAgents')
    const usual = join(mac.path, '.openclaw', 'claw-clan')
    const bash =
      '<plist><dict><string>/Users/a/.openclaw/claw-clan/scripts/claw-register.sh</string></dict></plist>'
    mkdirSync(agents, { recursive: true })
    mkdirSync(join(mac.path, '.openclaw'))
    renameSync(home.path, usual)
    rmSync(join(usual, 'bin'), { recursive: true })
    writeFileSync(join(agents, 'com.openclaw.claw-clan-mdns.plist'), bash)
    const register = (...args: string[]) =>
      runProgram('register', args, { env: { ...mac.env, CLAW_CLAN_HOME: usual }, timeoutMs: 60_000 })

    const started = await register('start', '--json')
    const status = await register('status')
    const stopped = await register('stop')

    const backup = readdirSync(join(usual, 'backups')).filter(name => name.includes('claw-clan-mdns'))
    expect(started).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(started.stdout)).toMatchObject({ changed: true, announced: true, manager: 'launchd' })
    expect(status.stdout).toMatch(/^launchd-b is announced: heard at 127\.0\.0\.1\n/)
    expect(status.stdout).toContain('when you log in, and whenever it ends (launchd)')
    expect(stopped.stdout).toBe('Stopped; it does not come back at boot\n')
    expect(readdirSync(agents)).toEqual([])
    expect(backup.map(name => readFileSync(join(usual, 'backups', name), 'utf8'))).toEqual([bash])
  })
})

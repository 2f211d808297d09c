// What the rings need of this machine, and how it gets there where that was asked for (CI=true or CLAW_TEST_INSTALL=1).
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Program to the Debian package that brings it. */
export type Needs = { readonly root: boolean; readonly programs: Readonly<Record<string, string>> }

const SSH = { sshd: 'openssh-server', ssh: 'openssh-client', 'ssh-keygen': 'openssh-client' }

/** A second reader of property lists; macOS brings its own. */
const PLIST = process.platform === 'darwin' ? {} : { plistutil: 'libplist-utils' }

export const NEEDS = {
  unit: { root: false, programs: { git: 'git' } },
  contract: { root: false, programs: { ...SSH, ...PLIST } },
  system: {
    root: true,
    programs: {
      ...SSH,
      'avahi-daemon': 'avahi-daemon',
      'avahi-browse': 'avahi-utils',
      'avahi-publish': 'avahi-utils',
      'dbus-daemon': 'dbus',
      cron: 'cron',
      crontab: 'cron',
      ip: 'iproute2',
      nft: 'nftables',
      strace: 'strace',
      nsenter: 'util-linux',
      setpriv: 'util-linux',
      hostname: 'hostname',
      systemctl: 'systemd',
    },
  },
} satisfies Record<string, Needs>

export type Ring = keyof typeof NEEDS

const FOLDERS = [
  ...(process.env.PATH ?? '').split(':'),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
]
const isInstalled = (program: string) =>
  FOLDERS.some(folder => folder !== '' && existsSync(join(folder, program)))

const missingPrograms = ({ programs }: Needs) =>
  Object.entries(programs).filter(([program]) => !isInstalled(program))

/** What a ring lacks here, in words; empty when it can run. */
export function lacks(ring: Ring): readonly string[] {
  const needs = NEEDS[ring]
  const programs = missingPrograms(needs).map(([program, name]) => `${program} (package ${name})`)
  if (!needs.root) return programs
  return [
    ...(process.platform === 'linux' ? [] : ['Linux']),
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...programs,
  ]
}

const POLICY = '/usr/sbin/policy-rc.d'
const DAEMONS = ['sshd', 'avahi-daemon', 'dbus-daemon', 'cron', 'crond']

/** Install with apt-get what the rings lack. No service is started, and one that starts all the same is ended. */
export function install(rings: readonly Ring[]): void {
  const packages = [...new Set(rings.flatMap(ring => missingPrograms(NEEDS[ring]).map(([, name]) => name)))]
  if (packages.length === 0) return
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    console.log(`Cannot install ${packages.join(', ')}: that needs root and apt-get`)
    return
  }
  console.log(`Installing for the tests: ${packages.join(', ')}`)
  const running = new Set(daemons())
  withoutServices(() => {
    apt('update')
    apt('install', '--yes', '--no-install-recommends', ...packages)
  })
  for (const pid of daemons()) if (!running.has(pid)) end(pid)
}

function apt(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) console.log(`apt-get ${args.join(' ')} failed (${status})`)
}

/** Debian asks this program whether a package may start its service; 101 is no. */
function withoutServices(run: () => void): void {
  const aside = `${POLICY}.claw-test`
  const stay = () => {} // an interrupt ends apt-get, and we put things back
  process.on('SIGINT', stay).on('SIGTERM', stay)
  if (existsSync(POLICY)) renameSync(POLICY, aside)
  try {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
    chmodSync(POLICY, 0o755)
    run()
  } finally {
    rmSync(POLICY, { force: true })
    if (existsSync(aside)) renameSync(aside, POLICY)
    process.off('SIGINT', stay).off('SIGTERM', stay)
  }
}

/** Process ids of the daemons that our packages bring. */
function daemons(): readonly number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && DAEMONS.includes(nameOf(pid)))
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

function end(pid: number): void {
  console.log(`Ending ${nameOf(pid)} (process ${pid}), which the installation has started`)
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    // it has ended by itself
  }
}

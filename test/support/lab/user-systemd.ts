import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'
import { type Daemon, eventually } from './run.ts'

/** A user's systemd that runs inside a machine, as after a login, or from boot where he lingers. */
export type UserSystemd = AsyncDisposable & { readonly daemon: Daemon }

/** It wants to have been started by one, to own its control groups, and a folder at run time. */
const START = `
read -r _
exec unshare --cgroup sh -euc '
  mkdir -p /run/systemd/system /run/user
  mkdir -p -m 700 /run/user/0
  mount -t cgroup2 none /sys/fs/cgroup
  exec env -i HOME="$HOME" PATH="$PATH" XDG_RUNTIME_DIR=/run/user/0 /lib/systemd/systemd --user
'`

/**
 * Debian's \`systemd --user\` for the machine's owner: units in his home are loaded, enabled ones started.
 * There is no other systemd and no logind: whether he lingers is told by /var/lib/systemd/linger alone.
 */
export async function startUserSystemd(machine: Machine): Promise<UserSystemd> {
  const group = makeGroup()
  const daemon = await machine.spawn(['sh', '-c', START])
  writeFileSync(join(group, 'cgroup.procs'), String(daemon.pid))
  daemon.write('go\n')
  await eventually('the user systemd listens', () =>
    existsSync(machine.inside('/run/user/0/systemd/private')),
  )
  return {
    daemon,
    [Symbol.asyncDispose]: async () => {
      await daemon.stop()
      await eventually('its control groups are empty', () => removeGroup(group))
    },
  }
}

/** Its own control group, beside ours; one that a killed test left is taken away. */
function makeGroup(): string {
  const [, mountPoint] = / (\S+) \S+ - cgroup2 /.exec(readFileSync('/proc/self/mountinfo', 'utf8')) ?? []
  const [, own = '/'] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? []
  if (mountPoint === undefined) throw new Error('No cgroup2 is mounted here: systemd cannot run')
  const parent = join(mountPoint, own)
  for (const name of readdirSync(parent)) {
    const owner = /^claw-lab-(\d+)-/.exec(name)?.[1]
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeGroup(join(parent, name))
  }
  return mkdtempSync(join(parent, `claw-lab-${process.pid}-`))
}

/** @returns false while something lives in it */
function removeGroup(group: string): boolean {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroup(join(group, entry.name))
    rmdirSync(group)
    return true
  } catch {
    return !existsSync(group)
  }
}

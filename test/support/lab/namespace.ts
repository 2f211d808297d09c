import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Bridge } from './bridge.ts'
import {
  childrenOf,
  type Daemon,
  type ExecOptions,
  type Finished,
  readyLine,
  run,
  runOrThrow,
  signalIfAlive,
  start,
} from './run.ts'

/** What a machine is made of; the folder outlives its namespaces, so a machine that is booted again finds its files. */
export type Plan = {
  readonly number: number
  /** Folder with home/, etc/, spool/, log/ and ssh/. */
  readonly dir: string
  readonly hostName: string
  readonly ip: string
  readonly bridge: Bridge
}

/** A running machine: its own process, mount, host name and network namespace, all gone when its first process ends. */
export type Namespace = {
  /** Its first process, seen from outside. */
  readonly initPid: number
  readonly holder: ChildProcess
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export const portOf = (number: number): string => `p${number}`
const macOf = (number: number): string =>
  `02:ca:77:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`

/** Makes eth0 with its far end on the bridge, whose network namespace is open as descriptor 3. */
const PLUG = `
ip link add eth0 address "$MAC" type veth peer name "$PORT" netns /proc/self/fd/3
nsenter --net=/proc/self/fd/3 ip link set "$PORT" master br0 up
ip -batch - <<END
link set eth0 up
addr add $IP/16 dev eth0
route add default via 10.77.0.1
END
`

/** First process of a machine: sets it up, starts sshd, then only collects ended children. */
const INIT = `
set -eu
cd "$DIR"
echo "$HOST_NAME" > /proc/sys/kernel/hostname
over() { if [ -e "$2" ]; then mount --bind "$1" "$2"; fi; }
for file in hostname hosts passwd shadow crontab cron.d; do over "etc/$file" "/etc/$file"; done
over spool /var/spool/cron
over log /var/log
mount -t sysfs -o ro sys /sys
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd /run/lock
cd /
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad || true
ip link set lo up
${PLUG}
exec 3<&-
for type in ed25519 ecdsa; do
  [ -s "$DIR/ssh/ssh_host_\${type}_key" ] || ssh-keygen -q -t "$type" -N '' -C "" -f "$DIR/ssh/ssh_host_\${type}_key"
done
"$SSHD" -f "$DIR/ssh/sshd_config" -E "$DIR/log/sshd.log"
tries=0
until [ -s /run/sshd.pid ]; do
  tries=$((tries + 1)); [ "$tries" -lt 500 ] || { cat "$DIR/log/sshd.log" >&2; exit 1; }
  sleep 0.01
done
echo ready
exec >/dev/null 2>&1 </dev/null
unset DIR HOST_NAME MAC PORT IP SSHD
while :; do sleep 1000000 & wait $! || true; done
`

/** Boot: resolves when sshd listens. The machine ends with us, even when we are killed. */
export async function bootNamespace(plan: Plan): Promise<Namespace> {
  const env = {
    PATH,
    DIR: plan.dir,
    HOST_NAME: plan.hostName,
    IP: plan.ip,
    MAC: macOf(plan.number),
    PORT: portOf(plan.number),
    SSHD: '/usr/sbin/sshd',
  }
  const wall = openSync(plan.bridge.netns, 'r')
  const unshare = [
    'unshare',
    '--kill-child',
    '--fork',
    '--pid',
    '--mount',
    '--uts',
    '--net',
    '--mount-proc',
    'sh',
    '-c',
    INIT,
  ]
  const holder = spawn('setpriv', ['--pdeathsig', 'KILL', ...unshare], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', wall],
    cwd: '/',
  })
  closeSync(wall)
  try {
    await readyLine(holder)
    const initPid = childrenOf(holder.pid ?? 0)[0]
    if (initPid === undefined) throw new Error('the first process is gone')
    return { initPid, holder }
  } catch (error) {
    holder.kill('SIGKILL')
    throw new Error(
      `Cannot boot machine "${plan.hostName}": ${error instanceof Error ? error.message : error}`,
    )
  }
}

/** Take away everything at once, as a power cut does: peers see silence, not closed connections. */
export async function endNamespace(namespace: Namespace, plan: Plan): Promise<void> {
  await plan.bridge.run(['ip', 'link', 'del', portOf(plan.number)]).catch(() => {}) // the machine may have deleted its own
  const { holder, initPid } = namespace
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const gone = once(holder, 'exit')
  signalIfAlive(initPid, 'SIGKILL')
  await gone
}

/**
 * `timeout` without a time only waits for the program and passes on how it ended. nsenter's own waiting would stop with
 * a program that is stopped, never collect it, and so keep the whole namespace from ending.
 */
const entering = ({ initPid }: Namespace, argv: readonly string[], cwd: string) => [
  ...['/usr/bin/nsenter', '-t', `${initPid}`, '-m', '-u', '-n', '-p', '--no-fork', '--'],
  ...['/usr/bin/timeout', '--foreground', '0', '/usr/bin/env', '-C', cwd, ...argv],
]

/** Run a program inside; `cwd` is a path inside. */
export function execInside(
  namespace: Namespace,
  argv: readonly string[],
  options: ExecOptions & { readonly cwd: string },
): Promise<Finished> {
  const { cwd, ...rest } = options
  return run(entering(namespace, argv, cwd), rest)
}

/** Start a program inside that goes on running. */
export function startInside(
  namespace: Namespace,
  argv: readonly string[],
  options: ExecOptions & { readonly cwd: string },
): Promise<Daemon> {
  const { cwd, ...rest } = options
  return start(entering(namespace, argv, cwd), rest, true)
}

/** Give the machine a new eth0 with the same address, as a dock or a woken Wi-Fi card does. */
export async function renewInterface(namespace: Namespace, plan: Plan): Promise<void> {
  const wall = openSync(plan.bridge.netns, 'r')
  try {
    const argv = entering(namespace, ['sh', '-c', `set -e\nip link del eth0\n${PLUG}`], '/')
    const env = { PATH, IP: plan.ip, MAC: macOf(plan.number), PORT: portOf(plan.number) }
    await runOrThrow(argv, { env }, { stdio: ['ignore', 'pipe', 'pipe', wall] })
  } finally {
    closeSync(wall)
  }
}

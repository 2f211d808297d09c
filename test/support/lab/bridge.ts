import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readyLine, runOrThrow } from './run.ts'

/** The switch and router between the machines, in a network namespace of its own. */
export type Bridge = {
  /** File that stands for its network namespace. */
  readonly netns: string
  /** Run a program in its network namespace; throws when it fails. */
  readonly run: (argv: readonly string[], input?: string) => Promise<string>
  /** Removes the lab's folder too, and does both by itself when this process dies. */
  readonly close: () => Promise<void>
}

/** Which packets vanish. Ports are names on the bridge. */
export type Faults = {
  readonly cuts: ReadonlyMap<
    string,
    { readonly direction: 'both' | 'in' | 'out'; readonly keepsArp: boolean }
  >
  readonly partitions: readonly (readonly [readonly string[], readonly string[]])[]
  readonly lossPercent: number
}

/** The router is 10.77.0.1; beyond it nothing is reachable, and it says so at once. */
const SWITCH = `
set -eu
ip -batch - <<END
link set lo up
link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
addr add 10.77.0.1/16 dev br0
link set br0 up
route add unreachable default
END
echo 1 > /proc/sys/net/ipv4/ip_forward
echo ready
exec >/dev/null 2>&1
cat
for try in 1 2 3 4 5 6 7 8 9; do
  rm -rf "$1" && exit 0
  sleep 0.2
done
exit 1
`

/** @param dir  the lab's folder, removed when the bridge closes */
export async function openBridge(dir: string): Promise<Bridge> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const child = spawn('unshare', ['--net', 'sh', '-c', SWITCH, 'switch', dir], {
    env,
    cwd: '/',
    detached: true,
  })
  await readyLine(child)
  const netns = `/proc/${child.pid}/ns/net`
  return {
    netns,
    run: (argv, input = '') =>
      runOrThrow(['/usr/bin/nsenter', `--net=${netns}`, '--', ...argv], { env, input }),
    close: async () => {
      const gone = once(child, 'exit')
      child.stdin.end()
      const [code] = await gone
      if (code !== 0) throw new Error(`Cannot remove "${dir}"`)
    },
  }
}

/** Replace all rules of the bridge in one step. */
export async function applyFaults(bridge: Bridge, faults: Faults): Promise<void> {
  await bridge.run(['nft', '-f', '-'], rulesFor(faults))
}

const set = (ports: readonly string[]) => `{ ${ports.map(port => `"${port}"`).join(', ')} }`

function rulesFor({ cuts, partitions, lossPercent }: Faults): string {
  const drop = (port: string, side: string, keepsArp: boolean) =>
    `${side} "${port}" ${keepsArp ? 'ether type != arp ' : ''}drop`
  const entries = [...cuts]
  const from = entries
    .filter(([, cut]) => cut.direction !== 'in')
    .map(([port, cut]) => drop(port, 'iifname', cut.keepsArp))
  const to = entries
    .filter(([, cut]) => cut.direction !== 'out')
    .map(([port, cut]) => drop(port, 'oifname', cut.keepsArp))
  const across = partitions.flatMap(([a, b]) => [
    `iifname ${set(a)} oifname ${set(b)} drop`,
    `iifname ${set(b)} oifname ${set(a)} drop`,
  ])
  const share = lossPercent < 100 ? `numgen random mod 100 < ${lossPercent} ` : ''
  const loss = lossPercent > 0 ? [`ether type != arp ${share}drop`] : []
  const chain = (hook: string, rules: readonly string[]) =>
    [`chain on_${hook} {`, `type filter hook ${hook} priority 0`, ...rules, '}'].join('\n')
  const chains = [chain('prerouting', [...from, ...loss]), chain('forward', across), chain('postrouting', to)]
  return ['table bridge lab', 'delete table bridge lab', 'table bridge lab {', ...chains, '}', ''].join('\n')
}

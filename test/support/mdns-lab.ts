import { type Daemon, eventually, type Machine } from './lab/lab.ts'
import { runOrThrow } from './lab/run.ts'

/** One line of `claw-discover --json`. */
export type Found = {
  readonly gatewayId: string
  readonly name: string
  readonly ip: string
  readonly port: number
  readonly leadNumber: number
  readonly version: string
  readonly known: string
}
export type DiscoverDocument = {
  readonly found: readonly Found[]
  readonly gateways: readonly { readonly name: string; readonly ip: string; readonly port: number }[]
  readonly durationMs: number
  readonly warnings: readonly string[]
}

export async function discoverFrom(machine: Machine, ...args: string[]): Promise<DiscoverDocument> {
  const { code, stdout, stderr } = await machine.claw('discover', ['--json', ...args], { timeoutMs: 120_000 })
  if (code !== 0)
    throw new Error(`claw-discover on ${machine.hostName} ended with ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/** `claw-register run`, once it is announced. */
export async function registered(machine: Machine): Promise<Daemon> {
  const register = await machine.spawnClaw('register', ['run'])
  await register.waitFor(/Announced as/, 30_000)
  return register
}

/** `avahi-browse` that goes on; lines begin with `+`, `=` or `-`. Needs `startAvahi`. */
export async function watchWithAvahi(machine: Machine, ...flags: string[]): Promise<Daemon> {
  return machine.spawn(['stdbuf', '-oL', 'avahi-browse', '-p', ...flags, '_openclaw._tcp'])
}

/** Milliseconds until a condition holds. */
export async function timeUntil(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<number> {
  const start = performance.now()
  await eventually(what, check, { timeoutMs, everyMs: 5 })
  return performance.now() - start
}

/** Lay a cable between two machines beside the lab's own network; `eth1` at both ends. */
export async function connectDirectly(
  a: Machine,
  b: Machine,
  addresses: readonly [string, string],
): Promise<void> {
  const pidOf = (machine: Machine) => machine.inside('/').split('/')[2] ?? ''
  const inNetwork = (machine: Machine, ...argv: string[]) =>
    runOrThrow(['nsenter', `--net=/proc/${pidOf(machine)}/ns/net`, 'ip', ...argv])
  await inNetwork(a, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', pidOf(b))
  for (const [machine, address] of [
    [a, addresses[0]],
    [b, addresses[1]],
  ] as const) {
    await inNetwork(machine, 'addr', 'add', `${address}/24`, 'dev', 'eth1')
    await inNetwork(machine, 'link', 'set', 'eth1', 'up')
  }
}

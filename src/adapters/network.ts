import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { runProgram } from './process.ts'

/** How long an answering router needs at most; ours is one hop away. */
const ROUTER_TIMEOUT_MS = 2_000

/**
 * Does our own side of the network fail? True when no interface but loopback is up, or a router is configured and
 * does not answer; false when it answers or when there is none to ask.
 *
 * Asked only after a round in which everybody missed, so its cost (up to 2 s) is never part of a healthy round.
 */
export async function ownNetworkFails(): Promise<boolean> {
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  if (addresses.every(address => address.internal)) return true
  const router = process.platform === 'darwin' ? await routerOfMac() : routerOfLinux()
  return router !== undefined && !(await answers(router))
}

/** This machine's address on its first real IPv4 interface; loopback when there is none. */
export function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return addresses.find(address => address.family === 'IPv4' && !address.internal)?.address ?? '127.0.0.1'
}

/** The default route of /proc/net/route: destination 0, gateway as little-endian hex. */
function routerOfLinux(): string | undefined {
  const routes = readProc('/proc/net/route').split('\n').slice(1)
  const gateway = routes
    .map(line => line.split('\t'))
    .find(([, destination]) => destination === '00000000')?.[2]
  if (gateway === undefined || !/^[0-9A-F]{8}$/i.test(gateway) || gateway === '00000000') return undefined
  return Buffer.from(gateway, 'hex').reverse().join('.')
}

function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

async function routerOfMac(): Promise<string | undefined> {
  const { stdout } = await runProgram('/sbin/route', ['-n', 'get', 'default'], {
    timeoutMs: ROUTER_TIMEOUT_MS,
  })
  return /gateway: (\d+\.\d+\.\d+\.\d+)/.exec(stdout)?.[1]
}

/**
 * Alive is whoever answers an echo, accepts or refuses a TCP connection, or was found by ARP: many home routers
 * drop the first two.
 */
async function answers(router: string): Promise<boolean> {
  const asked = await Promise.all([echoes(router), ...[53, 80, 443].map(port => reacts(router, port))])
  return asked.includes(true) || isNeighbour(router)
}

async function echoes(router: string): Promise<boolean> {
  try {
    return (await runProgram('ping', ['-n', '-c', '1', router], { timeoutMs: ROUTER_TIMEOUT_MS })).code === 0
  } catch {
    return false // no ping program here: the other ways decide
  }
}

function reacts(router: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: router, port, timeout: ROUTER_TIMEOUT_MS })
    const end = (alive: boolean) => {
      socket.destroy()
      resolve(alive)
    }
    socket.on('connect', () => end(true))
    socket.on('timeout', () => end(false))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
  })
}

/** Linux's ARP table: flag 0x2 marks an entry that was answered. */
function isNeighbour(router: string): boolean {
  const entries = readProc('/proc/net/arp')
    .split('\n')
    .map(line => line.split(/\s+/))
  return entries.some(([address, , flags]) => address === router && (Number(flags) & 2) !== 0)
}

/** The name its owner gave this computer: macOS keeps one beside the host name, elsewhere it is the host name. */
export async function computerName(): Promise<string> {
  const short = hostname().replace(/\.(local|lan|home)$/, '')
  if (process.platform !== 'darwin') return short
  const { code, stdout } = await runProgram('/usr/sbin/scutil', ['--get', 'ComputerName'], {
    timeoutMs: 2_000,
  })
  return code === 0 && stdout.trim() !== '' ? stdout.trim() : short
}

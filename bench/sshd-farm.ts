// Many machines on loopback: real sshd processes with a real gate as forced command, each with its own identity.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { writeLaunchers } from '../src/adapters/gate.ts'
import { homePaths } from '../src/adapters/home-paths.ts'
import type { Scratch } from './scratch.ts'

export const HOST = '127.0.0.1'
const SSHD = '/usr/sbin/sshd'

export type Farm = {
  readonly user: string
  readonly machines: readonly FarmMachine[]
  /** Private clan key that every machine lets in, and nothing but its gate with it. */
  readonly keyFile: string
  /** All machines show the same host key: base64 of its public half. */
  readonly hostKey: string
  /** Resolves when no login of an earlier run is still being cleared away. */
  readonly settle: () => Promise<void>
}

export type FarmMachine = { readonly gatewayId: string; readonly port: number }

/** Open `size` machines; every one greets when this resolves. They end with the scratch. */
export async function openFarm(size: number, dist: string, scratch: Scratch): Promise<Farm> {
  if (!existsSync(SSHD)) throw new Error(`This part needs ${SSHD} (package openssh-server)`)
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const dir = scratch.folder('farm')
  const keyFile = makeKey(join(dir, 'clan_key'))
  const hostKeyFile = makeKey(join(dir, 'host_key'))
  const ports = await freePorts(size)
  const machines = ports.map((port, at) => ({ gatewayId: `m${String(at + 1).padStart(3, '0')}`, port }))
  const children = machines.map(machine => {
    const config = layOut(machine, {
      folder: scratch.folder(`farm/${machine.gatewayId}`),
      dist,
      keyFile,
      hostKeyFile,
    })
    return scratch.own(startSshd(config))
  })
  await Promise.all(machines.map((machine, at) => greeting(machine.port, children[at])))
  return {
    user: userInfo().username,
    machines,
    keyFile,
    hostKey: readFileSync(`${hostKeyFile}.pub`, 'utf8').split(' ')[1] ?? '',
    settle: () => settled(children),
  }
}

/** Of a process group of its own, so that Ctrl-C is ours to handle; where Linux can do it, it dies with us in any case. */
function startSshd(config: string): ChildProcess {
  const leash = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL'] : []
  const [file = '', ...args] = [...leash, SSHD, '-D', '-e', '-f', config]
  return spawn(file, args, { stdio: 'ignore', detached: true })
}

function makeKey(file: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', file])
  return file
}

type Layout = {
  readonly folder: string
  readonly dist: string
  readonly keyFile: string
  readonly hostKeyFile: string
}

/** Write one machine's home, gate, authorized_keys and sshd_config. */
function layOut({ gatewayId, port }: FarmMachine, { folder, dist, keyFile, hostKeyFile }: Layout): string {
  const paths = homePaths(folder)
  const identity = {
    gatewayId,
    name: gatewayId,
    leadNumber: 50,
    sshUser: userInfo().username,
    version: '2.0.0',
  }
  writeFileSync(paths.identity, JSON.stringify({ ...identity, sshPort: port, incarnation: 1 }))
  const [gate] = writeLaunchers({ paths, node: process.execPath, programs: { peer: join(dist, 'peer.js') } })
  const key = readFileSync(`${keyFile}.pub`, 'utf8')
  writeFileSync(join(folder, 'authorized_keys'), `restrict,command="${gate}" ${key}`, { mode: 0o600 })
  const config = join(folder, 'sshd_config')
  writeFileSync(config, sshdConfig({ folder, port, hostKeyFile }))
  return config
}

// A home without start files: what the owner's own shell does at login is not to be measured. No PAM, because its
// modules do different things on every machine.
const sshdConfig = ({ folder, port, hostKeyFile }: { folder: string; port: number; hostKeyFile: string }) =>
  [
    `ListenAddress ${HOST}:${port}`,
    `HostKey ${hostKeyFile}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    `SetEnv HOME=${folder}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'KbdInteractiveAuthentication no',
    'PasswordAuthentication no',
    'MaxStartups 1000',
    'PrintMotd no',
    'PrintLastLog no',
    '',
  ].join('\n')

/** Ports nobody listens on now, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening))
  const ports = servers.map(server => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

const listening = (): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, HOST, () => resolve(server))
  })

async function greeting(port: number, child: ChildProcess | undefined): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await greets(port))) {
    const isOver = child === undefined || child.exitCode !== null || performance.now() > deadline
    if (isOver) throw new Error(`sshd on port ${port} does not answer`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const greets = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, HOST)
    socket.once('data', data => resolve(data.toString('latin1').startsWith('SSH-2.0')))
    for (const event of ['error', 'close']) socket.once(event, () => resolve(false))
    socket.once('data', () => socket.destroy())
  })

async function settled(children: readonly ChildProcess[]): Promise<void> {
  const deadline = performance.now() + 3_000
  while (children.some(hasChildren) && performance.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

function hasChildren({ pid }: ChildProcess): boolean {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== ''
  } catch {
    return false // not Linux: nothing to look at
  }
}

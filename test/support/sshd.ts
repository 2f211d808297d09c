import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type PinnedKey, pinnedKey } from '../../src/adapters/known-hosts.ts'
import type { SshTarget } from '../../src/adapters/ssh.ts'

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa'

export type SshdOptions = {
  /** Host keys to make and show; one ed25519 key when absent. */
  readonly hostKeys?: readonly KeyType[]
  /** What stands before the client key in authorized_keys, e.g. `restrict,command="..."`. */
  readonly keyOptions?: string
  /** More lines of sshd_config. */
  readonly config?: readonly string[]
  readonly port?: number
  /** Folder of an earlier one, whose keys are used again. */
  readonly folder?: string
}

/** A real sshd on a free loopback port, for the user who runs the tests; root is not needed. */
export type Sshd = Disposable & {
  readonly folder: string
  readonly port: number
  readonly pid: number
  /** A login that works: client key, pins and port. */
  readonly target: SshTarget
  /** Everything sshd logged so far. */
  readonly log: () => string
  /** The processes sshd has for connections now. */
  readonly sessions: () => readonly number[]
  /** Stop for good; twice is the same as once. */
  readonly stop: () => Promise<void>
}

/** Start sshd and wait until it greets. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'claw-sshd-'))
  // As root sshd wants its empty folder for the unprivileged half.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const types = options.hostKeys ?? ['ed25519']
  const pins = types.map(type => hostKey(folder, type))
  const clientKey = makeKey(join(folder, 'client'), 'ed25519')
  const publicKey = readFileSync(`${clientKey}.pub`, 'utf8')
  writeFileSync(join(folder, 'authorized_keys'), `${options.keyOptions ?? ''} ${publicKey}`.trimStart())
  const port = options.port ?? (await freePort())
  writeFileSync(join(folder, 'sshd_config'), configText(folder, port, types, options.config ?? []))
  const child = spawn(sshdPath(), ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr?.on('data', chunk => {
    log += chunk
  })
  await greeting(port, child, () => log)
  const stop = () => ended(child)
  return {
    folder,
    port,
    pid: child.pid ?? 0,
    target: { host: '127.0.0.1', port, user: userInfo().username, privateKey: readFileSync(clientKey), pins },
    log: () => log,
    sessions: () => descendants(child.pid ?? 0),
    stop,
    [Symbol.dispose]: () => {
      for (const pid of [...descendants(child.pid ?? 0), child.pid ?? 0]) kill(pid)
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A key pair at `path` and `path.pub`, made unless it is there. */
export function makeKey(path: string, type: KeyType): string {
  try {
    readFileSync(path)
  } catch {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test', '-f', path])
  }
  return path
}

/** The public half of a key file, as a pin. */
export const pinOf = (path: string): PinnedKey =>
  pinnedKey(Buffer.from(readFileSync(`${path}.pub`, 'utf8').split(' ')[1] ?? '', 'base64'))

/** A loopback port nobody listened on just now. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer().on('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
  })
  return promise
}

const hostKey = (folder: string, type: KeyType): PinnedKey =>
  pinOf(makeKey(join(folder, `host_${type}`), type))

function configText(
  folder: string,
  port: number,
  types: readonly KeyType[],
  more: readonly string[],
): string {
  const keyword = (line: string) => line.split(' ', 1)[0]
  const given = more.map(keyword)
  const own = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...types.map(type => `HostKey ${join(folder, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
    'MaxStartups 200:30:400',
    'Subsystem sftp internal-sftp',
    'LogLevel VERBOSE',
    // A bash that believes to be nested reads no start files: they cost 100 ms on some machines.
    'SetEnv SHLVL=5',
  ]
  // Of some options sshd takes the first value, of others the last.
  return [...more, ...own.filter(line => !given.includes(keyword(line))), ''].join('\n')
}

// sshd insists on an absolute path, and its folder is not in everybody's PATH.
const sshdPath = (): string =>
  execFileSync(
    '/bin/sh',
    ['-c', 'PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin; command -v sshd'],
    {
      encoding: 'utf8',
    },
  ).trim()

async function greeting(port: number, child: ChildProcess, log: () => string): Promise<void> {
  const until = Date.now() + 10_000
  while (Date.now() < until) {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}: ${log()}`)
    if (await greets(port)) return
    await sleep(10)
  }
  throw new Error(`sshd did not greet on port ${port}: ${log()}`)
}

function greets(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('data', data => resolve(data.toString().startsWith('SSH-')))
  socket.once('error', () => resolve(false))
  socket.once('close', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

function descendants(pid: number): readonly number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const rows = table
    .trim()
    .split('\n')
    .map(row => row.trim().split(/\s+/).map(Number))
  const children = rows.filter(([, parent]) => parent === pid).map(([child = 0]) => child)
  return children.flatMap(child => [child, ...descendants(child)])
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL') // also ends a stopped one
  } catch {
    // it is gone already
  }
}

function ended(child: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  child.once('exit', () => resolve())
  for (const pid of descendants(child.pid ?? 0)) kill(pid)
  kill(child.pid ?? 0)
  return promise
}

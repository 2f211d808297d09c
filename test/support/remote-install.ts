import { execFile } from 'node:child_process'
import { appendFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Daemon, Finished, Machine } from './lab/lab.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** Built programs in a folder of their own, and variants of them: nobody rebuilds them under a test's hands. */
export type Builds = AsyncDisposable & {
  /** As the sources are. */
  readonly dist: string
  /** A copy with one of its files changed, which is another version. */
  readonly variant: (name: string, change: (dist: string) => Promise<void>) => Promise<string>
}

export async function buildOnce(): Promise<Builds> {
  const folder = await mkdtemp(join(tmpdir(), 'claw-builds-'))
  const dist = join(folder, 'first', 'dist')
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'build.ts'), dist])
  return {
    dist,
    variant: async (name, change) => {
      const copy = join(folder, name, 'dist')
      await cp(dist, copy, { recursive: true, filter: path => path !== join(dist, 'cache') })
      await change(copy)
      return copy
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** The same programs under another name. */
export const newerVersion = (dist: string): Promise<void> => appendFile(join(dist, 'clan.js'), '// newer\n')

/** Run a built program on a machine, with what a login shell has. */
export const runBuilt = (
  machine: Machine,
  dist: string,
  [program = '', ...args]: readonly string[],
): Promise<Finished> =>
  machine.exec([process.execPath, join(dist, `${program}.js`), ...args], {
    env: { HOME: machine.home, PATH: '/usr/bin:/bin', TMPDIR: join(machine.home, '..') },
    timeoutMs: 180_000,
  })

/** Give a machine a node where an owner has one: on the test's own system it lies below the project. */
export async function giveNode(machine: Machine): Promise<string> {
  const folder = join(machine.home, '.local', 'bin')
  await mkdir(folder, { recursive: true })
  const node = join(folder, 'node')
  await writeFile(node, '', { mode: 0o755 })
  await machine.must(['mount', '--bind', process.execPath, node])
  return node
}

/** Take the system's own node away from a machine. */
export const hideNode = (machine: Machine): Promise<string> =>
  machine.must([
    'sh',
    '-c',
    'for f in /usr/bin/node /usr/local/bin/node; do [ ! -e $f ] || mount --bind /dev/null $f; done',
  ])

const RELAY = `
const { createServer, connect } = require('node:net')
const [host, limit] = [process.argv[1], Number(process.argv[2])]
let sent = 0
const server = createServer(from => {
  const to = connect(22, host)
  const end = () => { from.destroy(); to.destroy() }
  for (const socket of [from, to]) socket.on('error', end).on('close', end)
  to.pipe(from)
  from.on('data', bytes => {
    const left = Math.max(0, limit - sent)
    sent += bytes.length
    if (bytes.length <= left) return void to.write(bytes)
    to.write(bytes.subarray(0, left), end)
  })
}).listen(0, '127.0.0.1', () => process.stdout.write('port ' + server.address().port + '\\n'))
process.on('SIGTERM', () => process.stdout.write('sent ' + sent + '\\n', () => process.exit(0)))
`

/** A way to another machine's sshd that is cut, both ways and without a word, once it has carried so many bytes to it. */
export async function startRelay(from: Machine, to: Machine, limit: number): Promise<Relay> {
  const daemon = await from.spawn([process.execPath, '-e', RELAY, to.ip, String(limit)])
  await daemon.waitFor(/^port \d+$/m)
  const port = Number(/^port (\d+)$/m.exec(daemon.stdout())?.[1])
  return { port, end: () => endOf(daemon) }
}

export type Relay = {
  readonly port: number
  /** @returns how many bytes came in */
  readonly end: () => Promise<number>
}

async function endOf(daemon: Daemon): Promise<number> {
  const { stdout } = await daemon.stop()
  return Number(/^sent (\d+)$/m.exec(stdout)?.[1])
}

/** Paths and contents of what an update must leave alone, as one text. */
export async function keptTree(machine: Machine): Promise<string> {
  const script = `cd "$1" && find state.json config.json identity.json keys -type f -exec sha256sum {} + | sort -k2
    find state.json config.json identity.json keys -printf '%p %m\\n' | sort`
  return await machine.must(['sh', '-c', script, 'sh', machine.clanHome])
}

/** Name of the version in use. */
export const currentOf = async (machine: Machine): Promise<string> => {
  const { stdout } = await machine.exec(['readlink', join(machine.clanHome, 'current')])
  return stdout.trim().replace('versions/', '')
}

/** Does the gate answer, and do the programs start? The reason when they do not. */
export async function isAlive(machine: Machine): Promise<true | string> {
  const gate = await machine.exec([join(machine.clanHome, 'bin', 'claw-peer')], {
    env: { SSH_ORIGINAL_COMMAND: 'ping 0123456789abcdef' },
  })
  if (!gate.stdout.startsWith('claw-clan-ack 0123456789abcdef ')) return `gate: ${gate.stderr}`
  const status = await machine.exec([join(machine.clanHome, 'bin', 'claw-status'), '--version'])
  return /^\d+\.\d+\.\d+\n$/.test(status.stdout) || `claw-status: ${status.stderr}`
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Avahi,
  type Browsed,
  browseWithAvahi,
  type Publication,
  publishWithAvahi,
  startAvahi,
} from './avahi.ts'
import {
  bootNamespace,
  endNamespace,
  execInside,
  type Namespace,
  type Plan,
  portOf,
  renewInterface,
  startInside,
} from './namespace.ts'
import type { Daemon, ExecOptions, Finished } from './run.ts'
import { type Sshd, sshdOf } from './sshd.ts'

/** Which packets of one machine vanish: `in` and `out` as the machine sees them. */
export type Cut = { readonly direction: 'both' | 'in' | 'out'; readonly keepsArp: boolean }

/** What a machine asks of its lab. */
export type Wiring = { readonly cut: (port: string, cut: Cut | undefined) => Promise<void> }

export type ProcessInside = { readonly pid: number; readonly command: string }

const ROOT = join(import.meta.dirname, '..', '..', '..')
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** One machine of a lab. See lab.ts for what can be done with it. */
export class Machine {
  readonly home: string
  readonly user = 'root'
  readonly sshd: Sshd
  #plan: Plan
  #namespace: Namespace | undefined
  readonly #wiring: Wiring

  constructor(plan: Plan, wiring: Wiring) {
    this.#plan = plan
    this.#wiring = wiring
    this.home = join(plan.dir, 'home')
    this.sshd = sshdOf((argv, options) => this.exec(argv, options), plan.dir)
  }

  get ip(): string {
    return this.#plan.ip
  }

  get hostName(): string {
    return this.#plan.hostName
  }

  get clanHome(): string {
    return join(this.home, '.openclaw', 'claw-clan')
  }

  /** Its far end on the lab's bridge. */
  get port(): string {
    return portOf(this.#plan.number)
  }

  /** Run a program inside, with HOME, USER and a usual PATH unless `env` is given, in the home folder. */
  exec(argv: readonly string[], options: ExecOptions = {}): Promise<Finished> {
    return execInside(this.#running(), argv, { env: this.#env(), cwd: this.home, ...options })
  }

  /** As `exec`, and throw unless it ends with 0. Gives stdout. */
  async must(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { code, signal, stdout, stderr } = await this.exec(argv, options)
    if (code === 0) return stdout
    throw new Error(`Failed on "${this.hostName}" (${code ?? signal}): ${argv.join(' ')}\n${stdout}${stderr}`)
  }

  /** Start a program inside that goes on running until it is stopped or the machine is killed. */
  spawn(argv: readonly string[], options: ExecOptions = {}): Promise<Daemon> {
    return startInside(this.#running(), argv, { env: this.#env(), cwd: this.home, ...options })
  }

  /** Run one of our programs by the absolute path of this node; the environment is HOME and what `env` adds. */
  claw(program: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<Finished> {
    return this.exec(clawArgv(program, args), { ...options, env: { HOME: this.home, ...options.env } })
  }

  /** As `claw`, for a program that goes on running. */
  spawnClaw(program: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<Daemon> {
    return this.spawn(clawArgv(program, args), { ...options, env: { HOME: this.home, ...options.env } })
  }

  /** A path inside (/run, /etc/hostname, ...) as it is reached from outside; the home has the same path everywhere. */
  inside(path: string): string {
    return join(`/proc/${this.#running().initPid}/root`, path)
  }

  /** Everything that runs inside, with process ids as seen from outside, without its first process. */
  processes(): readonly ProcessInside[] {
    const { initPid } = this.#running()
    const own = readlinkSync(`/proc/${initPid}/ns/pid`)
    return readdirSync('/proc')
      .map(Number)
      .filter(pid => pid > 0 && pid !== initPid)
      .flatMap(pid => lookAt(pid, own))
  }

  /** SIGSTOP every process: connections are still accepted by the kernel, nobody answers. */
  async freeze(): Promise<void> {
    await this.must(['sh', '-c', 'kill -STOP -1'])
  }

  async thaw(): Promise<void> {
    await this.must(['sh', '-c', 'kill -CONT -1'])
  }

  /** Power cut: link and processes vanish at once. Files stay. */
  async kill(): Promise<void> {
    if (this.#namespace !== undefined) await endNamespace(this.#namespace, this.#plan)
    this.#namespace = undefined
  }

  /** Power on: sshd answers when this resolves; what was in /run is gone, cron and avahi are not started. */
  async boot(): Promise<void> {
    if (this.#namespace === undefined) this.#namespace = await bootNamespace(this.#plan)
  }

  /** Every packet vanishes, ARP too, and the machine's own link stays up: others see no host at this address. */
  async cut(direction: Cut['direction'] = 'both'): Promise<void> {
    await this.#wiring.cut(this.port, { direction, keepsArp: false })
  }

  /** Every packet but ARP vanishes: connections hang until somebody's deadline. */
  async blackhole(direction: Cut['direction'] = 'both'): Promise<void> {
    await this.#wiring.cut(this.port, { direction, keepsArp: true })
  }

  /** End of `cut` and `blackhole`. */
  async heal(): Promise<void> {
    await this.#wiring.cut(this.port, undefined)
  }

  /** Pull the cable: the machine itself sees its link go down. */
  async unplug(): Promise<void> {
    await this.#plan.bridge.run(['ip', 'link', 'set', this.port, 'down'])
  }

  async plug(): Promise<void> {
    await this.#plan.bridge.run(['ip', 'link', 'set', this.port, 'up'])
  }

  /** Another address (10.77.x.y) on the same interface, as after a new DHCP lease. /etc/hosts keeps the old one. */
  async changeAddress(ip: string): Promise<void> {
    const steps = [
      'addr flush dev eth0 scope global',
      `addr add ${ip}/16 dev eth0`,
      'route add default via 10.77.0.1',
    ]
    await this.must(['ip', '-batch', '-'], { input: `${steps.join('\n')}\n` })
    this.#plan = { ...this.#plan, ip }
  }

  /** Another interface of the same name and address, as after sleep: whoever joined a multicast group is deaf now. */
  async renewInterface(): Promise<void> {
    await renewInterface(this.#running(), this.#plan)
  }

  async changeHostName(hostName: string): Promise<void> {
    await writeFile(join(this.#plan.dir, 'etc', 'hostname'), `${hostName}\n`)
    await this.must(['hostname', hostName])
    this.#plan = { ...this.#plan, hostName }
  }

  /** Debian's cron over the machine's own spool and an empty /etc/crontab; `crontab` works without it. */
  async startCron(): Promise<Daemon> {
    // it reads crontabs again when these are newer, to the second, than what it read when it started
    await this.exec([
      'touch',
      '-c',
      '-d',
      '2000-01-01',
      '/etc/crontab',
      '/etc/cron.d',
      '/var/spool/cron/crontabs',
    ])
    return this.spawn(['cron', '-f'], { env: { PATH }, cwd: '/' })
  }

  startAvahi(): Promise<Avahi> {
    return startAvahi(this)
  }

  /** Needs `startAvahi`. */
  publishWithAvahi(publication: Publication): Promise<Daemon> {
    return publishWithAvahi(this, publication)
  }

  /** Needs `startAvahi`. One entry per interface and IP version. */
  browseWithAvahi(type: string): Promise<readonly Browsed[]> {
    return browseWithAvahi(this, type)
  }

  #env(): Readonly<Record<string, string>> {
    return { HOME: this.home, USER: this.user, PATH }
  }

  #running(): Namespace {
    if (this.#namespace === undefined)
      throw new Error(`Machine "${this.hostName}" is not running: boot() it first`)
    return this.#namespace
  }
}

function lookAt(pid: number, namespace: string): ProcessInside[] {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return []
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return command === '' ? [] : [{ pid, command }]
  } catch {
    return [] // ended meanwhile
  }
}

function clawArgv(program: string, args: readonly string[]): readonly string[] {
  const name = program.replace(/^claw-/, '')
  const file =
    process.env.CLAW_TEST_BUNDLE === '1' ? join('dist', `${name}.js`) : join('src', 'bin', `${name}.ts`)
  return [process.execPath, join(ROOT, file), ...args]
}

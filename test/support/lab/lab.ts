/**
 * A fleet of machines on this one, as network, mount, host name and process namespaces joined by a bridge that is in a
 * namespace of its own: the host's network is never touched. Needs root on Linux.
 *
 * ```ts
 * await using lab = await openLab({ machines: 3 })             // m1 m2 m3, or machines: ['alpha', 'beta']
 * const a = lab.machine(1)                                     // or lab.machine('m1'); lab.machines has all
 * a.ip  a.home  a.clanHome  a.user ('root')  a.hostName        // 10.77.1.1, a temp folder with the same path in and outside
 * const { code, stdout, stderr } = await a.claw('claw-ping', ['--json'])   // env: HOME only; absolute node; CLAW_TEST_BUNDLE=1 takes dist/
 * const daemon = await a.spawnClaw('register', ['run'])        // daemon.waitFor(/pattern/, ms) .signal('SIGHUP') .stop() .ended .stdout() .pid
 * await a.exec(argv, { env, input, timeoutMs, cwd })           // never throws for an exit code; throws after timeoutMs (30,000)
 * await a.must(argv)                                           // stdout; throws unless it ends with 0; a.spawn(argv) goes on running
 * await a.must(['ssh', 'm2', 'hostname'])                      // same owner everywhere: key, authorized_keys, names and known_hosts are there
 * a.sshd.stop() start() freeze() thaw() swapHostKey() hostKey() hostKeys() log()   // hostKey: { type, key, fingerprint }
 * a.kill()  a.boot()                                           // power cut (peers see silence); files stay
 * a.freeze()  a.thaw()                                         // SIGSTOP of all processes inside
 * a.cut('both'|'in'|'out')  a.blackhole(same)  a.heal()        // cut: ARP too, "no such host"; blackhole: connections hang
 * a.unplug() a.plug()  a.changeAddress('10.77.9.9')  a.renewInterface()  a.changeHostName('x')
 * a.startCron()  a.startAvahi()  a.publishWithAvahi({ name, type, port, txt })  a.browseWithAvahi('_openclaw._tcp')
 * a.processes()  a.inside('/run/x')                            // what runs there; a path inside as reached from outside
 * lab.partition([a], [b, c])  lab.lose(30)  lab.heal()         // 30 % of all packets; heal() ends cuts, partitions and loss
 * lab.router.down() up()                                       // 10.77.0.1, every machine's default route
 * await eventually('what', () => condition, { timeoutMs })     // from run.ts: wait for a condition, never for a time
 * ```
 *
 * `openLab({ machines, knowsHosts: false })` leaves every known_hosts empty, for tests about strangers.
 * The kernel keeps the ARP entries of all namespaces in one table of 1,024 entries by default: more than 30 machines that
 * all talk to each other, or several such labs at once, overflow it, and connections then fail at random.
 * Nothing starts by itself but sshd. Leaving the block ends every process and removes every folder; so does the death of
 * the test process, in whatever way; a test that times out keeps its lab until its file has ended.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyFaults, type Bridge, openBridge } from './bridge.ts'
import { checkHost, layOutMachine, makeOperatorKey, openLabFolder, sweepLeftovers } from './folder.ts'
import { type Cut, Machine } from './machine.ts'

export type { Daemon, ExecOptions, Finished } from './run.ts'
export { eventually } from './run.ts'
export type { Machine }

export type LabOptions = {
  /** How many (m1, m2, ...), or their host names; at most 250. */
  readonly machines: number | readonly string[]
  /** Whether every owner's known_hosts already holds every machine; default true. */
  readonly knowsHosts?: boolean
}

export class Lab {
  readonly machines: readonly Machine[]
  readonly #bridge: Bridge
  #cuts = new Map<string, Cut>()
  #partitions: (readonly [readonly string[], readonly string[]])[] = []
  #lossPercent = 0

  constructor(bridge: Bridge, makeMachines: (lab: Lab) => readonly Machine[]) {
    this.#bridge = bridge
    this.machines = makeMachines(this)
  }

  /** By number from 1, or by the host name it was opened with. */
  machine(which: number | string): Machine {
    const found = this.machines.find((machine, index) => which === index + 1 || which === machine.hostName)
    if (found === undefined) throw new Error(`No machine "${which}" in this lab of ${this.machines.length}`)
    return found
  }

  /** No packet passes between the two groups, either way. */
  async partition(one: readonly Machine[], other: readonly Machine[]): Promise<void> {
    this.#partitions.push([one.map(machine => machine.port), other.map(machine => machine.port)])
    await this.#applyFaults()
  }

  /** Every packet but ARP is lost with this probability, on every machine's link. */
  async lose(percent: number): Promise<void> {
    this.#lossPercent = percent
    await this.#applyFaults()
  }

  /** End of every cut, partition and loss. */
  async heal(): Promise<void> {
    this.#cuts.clear()
    this.#partitions = []
    await this.lose(0)
  }

  /** Used by machines. */
  async cut(port: string, cut: Cut | undefined): Promise<void> {
    if (cut === undefined) this.#cuts.delete(port)
    else this.#cuts.set(port, cut)
    await this.#applyFaults()
  }

  /** 10.77.0.1, which answers pings and knows no way out. */
  readonly router = {
    down: async (): Promise<void> =>
      void (await this.#bridge.run(['ip', 'addr', 'del', '10.77.0.1/16', 'dev', 'br0'])),
    up: async (): Promise<void> =>
      void (await this.#bridge.run(['ip', 'addr', 'add', '10.77.0.1/16', 'dev', 'br0'])),
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.machines.map(machine => machine.kill()))
    await this.#bridge.close()
  }

  async #applyFaults(): Promise<void> {
    await applyFaults(this.#bridge, {
      cuts: this.#cuts,
      partitions: this.#partitions,
      lossPercent: this.#lossPercent,
    })
  }
}

/** Open a lab; every machine's sshd answers when this resolves. When it cannot be opened nothing is left either. */
export async function openLab({ machines, knowsHosts = true }: LabOptions): Promise<Lab> {
  await checkHost()
  await sweepLeftovers()
  const names =
    typeof machines === 'number' ? Array.from({ length: machines }, (_, index) => `m${index + 1}`) : machines
  if (names.length > 250) throw new Error(`A lab has at most 250 machines: ${names.length}`)
  const dir = await openLabFolder()
  const bridge = await openBridge(dir)
  const lab = new Lab(bridge, owner =>
    names.map((hostName, index) => newMachine({ dir, bridge, hostName, number: index + 1 }, owner)),
  )
  try {
    await makeOperatorKey(join(dir, 'operator'))
    await all(lab.machines.map(machine => layOut(machine, dir, lab)))
    await all(lab.machines.map(machine => machine.boot()))
    if (knowsHosts) await introduce(lab.machines, dir)
    return lab
  } catch (error) {
    await lab[Symbol.asyncDispose]()
    throw error
  }
}

/** As Promise.all, but nothing is under way any more when it fails. */
async function all(steps: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(steps)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}

type Seat = {
  readonly dir: string
  readonly bridge: Bridge
  readonly hostName: string
  readonly number: number
}

const newMachine = ({ dir, bridge, hostName, number }: Seat, lab: Lab): Machine =>
  new Machine({ number, dir: join(dir, hostName), hostName, ip: `10.77.1.${number}`, bridge }, lab)

async function layOut(machine: Machine, dir: string, lab: Lab): Promise<void> {
  const hosts = new Map(lab.machines.map(({ ip, hostName }) => [ip, hostName]))
  const { home, hostName } = machine
  await mkdir(join(dir, hostName))
  await layOutMachine({ dir: join(dir, hostName), home, hostName, operatorKey: join(dir, 'operator'), hosts })
}

/** Write every machine's host keys, by name and by address, into every owner's known_hosts. */
async function introduce(machines: readonly Machine[], dir: string): Promise<void> {
  const keys = await Promise.all(machines.map(machine => machine.sshd.hostKeys()))
  const lines = machines.flatMap(({ hostName, ip }, index) =>
    (keys[index] ?? []).map(({ type, key }) => `${hostName},${ip} ${type} ${key}\n`),
  )
  const known = join(dir, 'operator', 'known_hosts')
  await writeFile(known, lines.join(''))
  await Promise.all(machines.map(({ home }) => copyFile(known, join(home, '.ssh', 'known_hosts'))))
}

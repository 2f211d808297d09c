import type { Machine } from './lab/lab.ts'

type Pinged = {
  readonly gatewayId: string
  readonly outcome: string
  readonly reason: string | null
  readonly detail: string | null
  readonly status: string
  readonly change: string
}
export type PingDocument = {
  readonly leader: string | null
  readonly selfSuspect: boolean
  readonly durationMs: number
  readonly peers: readonly Pinged[]
}

/** Set machines up with lead numbers 1, 2, 3 in the order given. */
export async function setUpAll(machines: readonly Machine[]): Promise<void> {
  await Promise.all(
    machines.map(async (machine, index) => {
      const { code, stderr } = await machine.claw('setup', ['--yes', '--lead', String(index + 1)])
      if (code !== 0) throw new Error(`claw-setup on ${machine.hostName}: ${stderr}`)
    }),
  )
}

/** Enrol every machine with every other, both ways; one `add` per pair. */
export async function enrolAll(machines: readonly Machine[]): Promise<void> {
  for (const [index, from] of machines.entries()) {
    for (const to of machines.slice(index + 1)) {
      const { code, stderr } = await from.claw('setup-ssh', ['add', 'root', to.ip, '--json'], {
        timeoutMs: 60_000,
      })
      if (code !== 0) throw new Error(`claw-setup-ssh add ${to.ip} on ${from.hostName}: ${stderr}`)
    }
  }
}

/** One round from this machine, as `--json` prints it. */
export async function pingFrom(machine: Machine, ...args: string[]): Promise<PingDocument> {
  const { code, stdout, stderr } = await machine.claw('ping', ['--json', ...args], { timeoutMs: 300_000 })
  if (code !== 0) throw new Error(`claw-ping on ${machine.hostName} ended with ${code}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/** What the round found of one peer. */
export function of({ peers }: PingDocument, id: string): Pinged {
  const found = peers.find(peer => peer.gatewayId === id)
  if (found === undefined) throw new Error(`No "${id}" in the round`)
  return found
}

export async function statusOf(machine: Machine) {
  const { stdout } = await machine.claw('status', ['--json'])
  return JSON.parse(stdout)
}

/** The machine's events, oldest first. */
export async function eventsOf(
  machine: Machine,
): Promise<readonly { event: string; gatewayId?: string; data: object }[]> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(`${machine.clanHome}/logs/events.log`, 'utf8')
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}

/** Change one setting of a machine. */
export async function setSetting(machine: Machine, settings: object): Promise<void> {
  const { readFile, writeFile } = await import('node:fs/promises')
  const file = `${machine.clanHome}/config.json`
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...settings }))
}

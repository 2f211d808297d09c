// Who pings the same machines: claw-ping, the tuned ssh2 script, and what people do with ssh itself.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { shellQuote } from '../src/fleet/remote.ts'
import { makeHome, recordAs } from './clan-home.ts'
import { type Contender, timeShell } from './measure.ts'
import type { Bed } from './part.ts'
import { type Farm, type FarmMachine, HOST } from './sshd-farm.ts'

export const OURS = 'claw-ping'
export const TUNED = 'tuned ssh2, bundled'
export const TUNED_SOURCE = 'tuned ssh2, from node_modules'
export const LOOP = 'ssh loop'
export const CROWD = 'xargs -P16 ssh'
export const CROWD_25519 = 'xargs -P16 ssh, curve25519'

/** As many logins at once as claw-ping makes. */
const CONCURRENCY = 32

export type Field = {
  readonly bed: Bed
  readonly farm: Farm
  readonly machines: readonly FarmMachine[]
  /** Starter of the bundled reference. */
  readonly tuned: string
}

/** claw-ping over its own home. One peer is recorded as offline before each run, so that each has an event to write. */
export function clawPing({ bed, farm, machines }: Field): Contender {
  const folder = bed.scratch.folder(`home-${machines.length}`)
  const { user, keyFile, hostKey } = farm
  const paths = makeHome(folder, { user, keyFile, hostKey, peers: machines })
  const argv = [bed.node, join(bed.dist, 'ping.js'), '--json', '--home', folder]
  return {
    name: OURS,
    prepare: () => {
      recordAs(paths, [machines[0]?.gatewayId ?? ''], { status: 'offline', missedPings: 2 })
      return farm.settle()
    },
    run: async () => {
      const sample = await timeShell(argv.map(shellQuote).join(' '), bed.scratch)
      const acks = sample.stdout.match(/"outcome": ?"ack"/g)?.length ?? 0
      return checked(sample, acks, machines.length)
    },
  }
}

/** The tuned script, bundled and as it is. */
export function tunedScripts({ bed, farm, machines, tuned }: Field): readonly Contender[] {
  const plan = join(bed.scratch.folder('plans'), `${machines.length}.json`)
  const { user, keyFile, hostKey } = farm
  const ports = machines.map(({ port }) => port)
  writeFileSync(plan, JSON.stringify({ host: HOST, ports, user, keyFile, hostKey, concurrency: CONCURRENCY }))
  const source = join(import.meta.dirname, 'reference', 'tuned-ssh2.mjs')
  const script = (name: string, file: string) =>
    shell(name, [bed.node, file, plan].map(shellQuote).join(' '), { bed, farm, machines })
  return [script(TUNED, tuned), script(TUNED_SOURCE, source)]
}

/** OpenSSH as people use it: one after the other, and in a crowd. */
export function sshContenders(field: Omit<Field, 'tuned'>, withDefaults: boolean): readonly Contender[] {
  const { bed, farm, machines } = field
  const config = sshConfig(bed, farm)
  const ports = machines.map(({ port }) => port).join(' ')
  const ask = `${HOST} 'ping 00112233445566778899aabbccddeeff'`
  const crowd = (more: string) =>
    `printf '%s\\n' ${ports} | /usr/bin/xargs -P16 -I@ /usr/bin/ssh -n -F ${shellQuote(config)} ${more} -p @ ${ask}`
  const loop = `for port in ${ports}; do /usr/bin/ssh -n -F ${shellQuote(config)} -p "$port" ${ask}; done`
  const forced = '-o KexAlgorithms=curve25519-sha256 -o GSSAPIAuthentication=no'
  const defaults = [shell(LOOP, loop, field), shell(CROWD, crowd(''), field)]
  return [...(withDefaults ? defaults : []), shell(CROWD_25519, crowd(forced), field)]
}

function shell(name: string, script: string, { bed, farm, machines }: Omit<Field, 'tuned'>): Contender {
  return {
    name,
    prepare: farm.settle,
    run: async () => {
      const sample = await timeShell(script, bed.scratch)
      return checked(sample, sample.stdout.match(/claw-clan-ack /g)?.length ?? 0, machines.length)
    },
  }
}

function checked<T extends { readonly stdout: string; readonly stderr: string }>(
  sample: T,
  acks: number,
  expected: number,
): T {
  if (acks === expected) return sample
  throw new Error(
    `${acks} of ${expected} machines answered:\n${sample.stdout.slice(0, 2000)}${sample.stderr}`,
  )
}

/** What is on this machine by default, without the owner's own settings, keys and known hosts. */
function sshConfig(bed: Bed, { user, machines, keyFile, hostKey }: Farm): string {
  const folder = bed.scratch.folder('ssh')
  const known = join(folder, 'known_hosts')
  writeFileSync(known, machines.map(({ port }) => `[${HOST}]:${port} ssh-ed25519 ${hostKey}\n`).join(''))
  const config = join(folder, 'config')
  const own = [`User ${user}`, `IdentityFile ${keyFile}`, 'IdentitiesOnly yes', 'BatchMode yes']
  const hosts = [`UserKnownHostsFile ${known}`, 'GlobalKnownHostsFile /dev/null', 'StrictHostKeyChecking yes']
  writeFileSync(config, [...own, ...hosts, 'Include /etc/ssh/ssh_config', ''].join('\n'))
  return config
}

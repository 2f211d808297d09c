// (b) What peers that swallow every packet cost a round of 50: one deadline for all of them together.
import { join } from 'node:path'
import { shellQuote } from '../src/fleet/remote.ts'
import { type BenchPeer, makeHome, recordAs } from './clan-home.ts'
import { type Contender, takeTurns, timeShell } from './measure.ts'
import { type Bed, lacksNothing, type Part } from './part.ts'
import { ms, type Row } from './report.ts'
import { openSilentPorts } from './silent-ports.ts'
import { type Farm, openFarm } from './sshd-farm.ts'

const PEERS = 50
const DEADLINE_MS = 2000
const SLACK_MS = 200

/** Whether earlier rounds have already found the silent ones missing: known dead ones are asked last. */
const MEMORIES = [
  { word: 'new', facts: { status: 'online', missedPings: 0 } },
  { word: 'known', facts: { status: 'offline', missedPings: 2 } },
] as const

type Case = {
  readonly name: string
  readonly silent: number
  readonly facts: (typeof MEMORIES)[number]['facts']
}

export const blackHolePart: Part = { letter: 'b', name: 'black-hole', lacks: lacksNothing, measure }

async function measure(bed: Bed): Promise<readonly Row[]> {
  bed.say(`starting ${PEERS} sshds and 32 silent ports`)
  const farm = await openFarm(PEERS, bed.dist, bed.scratch)
  const silent = await openSilentPorts(32, bed.scratch)
  const cases: readonly Case[] = [1, 32].flatMap(count =>
    MEMORIES.map(({ word, facts }) => ({ name: `${count} silent, ${word}`, silent: count, facts })),
  )
  const healthy = contender(
    { name: 'healthy', silent: 0, facts: MEMORIES[0].facts },
    { bed, farm, ports: [] },
  )
  const others = cases.map(one => contender(one, { bed, farm, ports: silent.ports }))
  const results = await takeTurns([healthy, ...others], bed.isQuick ? 2 : 7, bed.say)
  silent.close()
  const without = results.median('healthy')
  const allowed = without + DEADLINE_MS + SLACK_MS
  return cases.map(({ name }) => ({
    part: 'b',
    what: `wall, ${PEERS} peers and ${name}`,
    ours: ms(results.median(name)),
    against: `${ms(without)} without + ${ms(DEADLINE_MS)} deadline + ${ms(SLACK_MS)}`,
    ratio: results.median(name) / allowed,
    goal: 1,
  }))
}

type Setting = { readonly bed: Bed; readonly farm: Farm; readonly ports: readonly number[] }

function contender({ name, silent, facts }: Case, { bed, farm, ports }: Setting): Contender {
  const folder = bed.scratch.folder(`home-${name.replaceAll(/\W+/g, '-')}`)
  const live = farm.machines.slice(0, PEERS)
  // Between the live ones by name, so that no order of files puts them first or last.
  const dead = ports
    .slice(0, silent)
    .map((port, at) => ({ gatewayId: `m${String(at + 1).padStart(3, '0')}-x`, port }))
  const peers: readonly BenchPeer[] = [...live, ...dead].toSorted((a, b) =>
    a.gatewayId < b.gatewayId ? -1 : 1,
  )
  const { user, keyFile, hostKey } = farm
  const paths = makeHome(folder, { user, keyFile, hostKey, peers })
  const argv = [bed.node, join(bed.dist, 'ping.js'), '--json', '--home', folder]
  return {
    name,
    prepare: () => {
      const ids = dead.map(({ gatewayId }) => gatewayId)
      recordAs(paths, ids, facts)
      return farm.settle()
    },
    run: async () => {
      const sample = await timeShell(argv.map(shellQuote).join(' '), bed.scratch)
      const acks = sample.stdout.match(/"outcome": ?"ack"/g)?.length ?? 0
      const misses = sample.stdout.match(/"outcome": ?"miss"/g)?.length ?? 0
      if (acks === live.length && misses === dead.length) return sample
      throw new Error(`${acks} acks and ${misses} misses:\n${sample.stdout.slice(0, 2000)}${sample.stderr}`)
    },
  }
}

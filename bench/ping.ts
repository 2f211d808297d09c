// (a) One round of claw-ping, results and events on disk, against everything else that asks the same sshds.
import { type Rounds, takeTurns } from './measure.ts'
import { type Bed, lacksNothing, type Part } from './part.ts'
import { bundleReference } from './reference/bundle.ts'
import { ms, type Row } from './report.ts'
import {
  CROWD,
  CROWD_25519,
  clawPing,
  type Field,
  LOOP,
  OURS,
  sshContenders,
  TUNED,
  TUNED_SOURCE,
  tunedScripts,
} from './ssh-contenders.ts'
import { openFarm } from './sshd-farm.ts'

type Goals = Readonly<Record<string, number>>

/** How many peers, how often, and the highest ratio that will do. */
const SIZES: readonly { peers: number; rounds: number; wall: Goals; cpu: Goals }[] = [
  { peers: 1, rounds: 15, wall: { [CROWD_25519]: 1.2 }, cpu: {} },
  { peers: 3, rounds: 15, wall: { [CROWD_25519]: 1.2 }, cpu: {} },
  { peers: 10, rounds: 11, wall: { [CROWD_25519]: 1.2 }, cpu: {} },
  { peers: 50, rounds: 7, wall: { [TUNED]: 1.15, [LOOP]: 0.1, [CROWD_25519]: 1 }, cpu: {} },
  { peers: 100, rounds: 7, wall: { [CROWD_25519]: 1 }, cpu: { [CROWD_25519]: 0.6 } },
]

/** Beyond this many the slow contenders only cost time: their cost grows in proportion. */
const MOST_FOR_DEFAULT_SSH = 50

export const pingPart: Part = { letter: 'a', name: 'ping', lacks: lacksNothing, measure }

async function measure(bed: Bed): Promise<readonly Row[]> {
  const tuned = await bundleReference(bed.scratch.folder('reference'))
  bed.say('starting 100 sshds')
  const farm = await openFarm(100, bed.dist, bed.scratch)
  const rows: Row[] = []
  for (const { peers, rounds, wall, cpu } of SIZES) {
    const field: Field = { bed, farm, machines: farm.machines.slice(0, peers), tuned }
    const withDefaults = peers <= MOST_FOR_DEFAULT_SSH
    const contenders = [clawPing(field), ...tunedScripts(field), ...sshContenders(field, withDefaults)]
    const count = bed.isQuick ? Math.min(3, rounds) : rounds
    const results = await takeTurns(contenders, count, text => bed.say(`${peers} peers: ${text}`))
    const others = [TUNED, TUNED_SOURCE, ...(withDefaults ? [LOOP, CROWD] : []), CROWD_25519]
    rows.push(...others.map(name => wallRow(peers, name, results, wall)))
    rows.push(...[TUNED, CROWD_25519].map(name => cpuRow(peers, name, results, cpu)))
  }
  return rows
}

const wallRow = (peers: number, name: string, results: Rounds, goals: Goals): Row => ({
  part: 'a',
  what: `wall, ${peers} ${peers === 1 ? 'peer' : 'peers'}`,
  ours: ms(results.median(OURS)),
  against: `${name} ${ms(results.median(name))}`,
  ratio: results.ratio(OURS, name),
  goal: goals[name],
})

const cpuRow = (peers: number, name: string, results: Rounds, goals: Goals): Row => ({
  part: 'a',
  what: `client CPU per peer, ${peers} ${peers === 1 ? 'peer' : 'peers'}`,
  ours: ms(results.median(OURS, 'cpuMs') / peers),
  against: `${name} ${ms(results.median(name, 'cpuMs') / peers)}`,
  ratio: results.ratio(OURS, name, 'cpuMs'),
  goal: goals[name],
})

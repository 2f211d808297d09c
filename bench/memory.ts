// (f) What a resident claw-register keeps in memory, against a node that does nothing.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { makeHome } from './clan-home.ts'
import { median } from './measure.ts'
import type { Bed, Part } from './part.ts'
import type { Row } from './report.ts'

/** Long enough for announcements and the first garbage collection to be over. */
const IDLE_MS = 4000

type Footprint = { readonly rss: number; readonly dirty: number }

export const memoryPart: Part = {
  letter: 'f',
  name: 'memory',
  lacks: () => (process.platform === 'linux' ? undefined : 'needs Linux: reads /proc/<pid>/smaps_rollup'),
  measure,
}

async function measure(bed: Bed): Promise<readonly Row[]> {
  const home = bed.scratch.folder('register-home')
  makeHome(home, { user: userInfo().username, peers: [], settings: { mdns: { interfaces: ['lo'] } } })
  const ours: Footprint[] = []
  const idle: Footprint[] = []
  const rounds = bed.isQuick ? 1 : 5
  for (let round = 1; round <= rounds; round++) {
    bed.say(`round ${round} of ${rounds}`)
    const pair = [
      [join(bed.dist, 'register.js'), 'run', '--home', home],
      ['-e', 'setInterval(() => {}, 1e9)'],
    ].map(argv => bed.scratch.own(spawn(bed.node, argv, { env: {}, stdio: 'ignore' })))
    await new Promise(resolve => setTimeout(resolve, IDLE_MS))
    const [mine, theirs] = pair.map(footprint)
    if (mine !== undefined && theirs !== undefined) {
      ours.push(mine)
      idle.push(theirs)
    }
    await Promise.all(pair.map(ended))
  }
  return [
    row('resident memory', 'rss', { ours, idle, goal: 1.15 }),
    row('private dirty', 'dirty', { ours, idle }),
  ]
}

type Pairs = {
  readonly ours: readonly Footprint[]
  readonly idle: readonly Footprint[]
  readonly goal?: number
}

function row(what: string, figure: keyof Footprint, { ours, idle, goal }: Pairs): Row {
  const mine = ours.map(one => one[figure])
  const theirs = idle.map(one => one[figure])
  const mebibytes = (values: readonly number[]) => `${(median(values) / 1024).toFixed(1)} MiB`
  return {
    part: 'f',
    what: `${what} of claw-register run`,
    ours: mebibytes(mine),
    against: `idle node ${mebibytes(theirs)}`,
    ratio: median(mine.map((value, at) => value / (theirs[at] ?? Number.NaN))),
    goal,
  }
}

/** In KiB. */
function footprint({ pid, exitCode }: ChildProcess): Footprint {
  if (exitCode !== null) throw new Error(`A process ended with ${exitCode} instead of staying`)
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const read = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB`, 'm').exec(text)?.[1])
  return { rss: read('Rss'), dirty: read('Private_Dirty') }
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 3000)
  await gone
  clearTimeout(late)
}

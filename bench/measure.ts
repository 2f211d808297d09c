// How things are timed: contenders take turns, and what counts is the median of the ratios of each round.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scratch } from './scratch.ts'

/** One run of one contender. */
export type Sample = { readonly wallMs: number; readonly cpuMs: number }
export type Figure = keyof Sample

export type Contender = {
  readonly name: string
  /** Put things in order before the clock starts. */
  readonly prepare?: () => void | Promise<void>
  /** Throws when the work was not done, so that nothing wrong is ever timed. */
  readonly run: () => Promise<Sample>
}

/** What all rounds gave: one sample per contender and round. */
export type Rounds = {
  readonly median: (name: string, figure?: Figure) => number
  /** Median over the rounds of `ours` divided by `theirs` of the same round. */
  readonly ratio: (ours: string, theirs: string, figure?: Figure) => number
}

/**
 * Run every contender once per round, in an order that changes with each round, after one round that does not count.
 *
 * @param say  told which round is under way
 */
export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
  say: (text: string) => void,
): Promise<Rounds> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    for (const { name, prepare, run } of turn(contenders, round)) {
      await prepare?.()
      const sample = await run()
      if (round > 0) samples.get(name)?.push(sample)
    }
  }
  return summary(samples)
}

/** Rotated by one each round and reversed every other: nobody always follows the same neighbour. */
function turn<T>(list: readonly T[], round: number): readonly T[] {
  const at = round % list.length
  const rotated = [...list.slice(at), ...list.slice(0, at)]
  return round % 2 === 0 ? rotated : rotated.toReversed()
}

function summary(samples: ReadonlyMap<string, readonly Sample[]>): Rounds {
  const of = (name: string, figure: Figure) => (samples.get(name) ?? []).map(sample => sample[figure])
  return {
    median: (name, figure = 'wallMs') => median(of(name, figure)),
    ratio: (ours, theirs, figure = 'wallMs') => {
      const base = of(theirs, figure)
      return median(of(ours, figure).map((value, round) => value / (base[round] ?? Number.NaN)))
    },
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

const TIMED = `TIMEFORMAT='%3R %3U %3S'
time { eval "$1"
} >"$2" 2>"$3"`

export type TimedOutput = Sample & { readonly stdout: string; readonly stderr: string }

/**
 * Time shell text in a bash with an empty environment. CPU is user and system time of everything the text started and
 * waited for, from getrusage, so of the client alone; servers are other people's children.
 */
export async function timeShell(script: string, scratch: Scratch): Promise<TimedOutput> {
  const folder = scratch.folder('output')
  const [out, err] = [join(folder, 'stdout'), join(folder, 'stderr')]
  const child = scratch.own(
    spawn('/bin/bash', ['--norc', '-c', TIMED, 'bench', script, out, err], {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
  let times = ''
  child.stderr?.setEncoding('utf8').on('data', text => {
    times += text
  })
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [real = Number.NaN, user = Number.NaN, system = Number.NaN] = times.trim().split(' ').map(Number)
  const stdout = readFileSync(out, 'utf8')
  const stderr = readFileSync(err, 'utf8')
  return { wallMs: real * 1000, cpuMs: (user + system) * 1000, stdout, stderr }
}

/**
 * Wall time of one program from start to exit, as cron starts it: empty environment, pipes for output, no shell.
 *
 * @throws {Error} with what it said when it does not end with 0
 */
export function timeProgram(argv: readonly string[]): Sample {
  const [file = '', ...args] = argv
  const started = performance.now()
  const { status, stderr } = spawnSync(file, args, {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  })
  const wallMs = performance.now() - started
  if (status === 0) return { wallMs, cpuMs: Number.NaN }
  throw new Error(`"${argv.join(' ')}" ended with ${status}: ${stderr.trim()}`)
}

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { lockHolder } from '../../src/store/lock.ts'
import type { StoreHome } from './store-home.ts'

const script = join(import.meta.dirname, 'store-worker.ts')

export type Storm = {
  readonly processes: number
  readonly timesEach: number
  /** After so many acknowledged changes a random process is killed, at a random moment of the next few ms. */
  readonly changesPerKill: number
}

export type StormResult = {
  /** Changes that a process was told are durable. */
  readonly acknowledged: number
  readonly kills: number
  readonly reads: number
  /** What a concurrent reader saw that is not a valid file for the owner alone. */
  readonly faults: readonly string[]
  readonly seconds: number
}

/** Let many processes change one peer at once, kill them at random, start them again, and read all the while. */
export async function storm(
  home: StoreHome,
  { processes, timesEach, changesPerKill }: Storm,
): Promise<StormResult> {
  const began = performance.now()
  const running = new Set<ChildProcess>()
  const count = { acknowledged: 0, kills: 0, reads: 0 }
  const faults = new Set<string>()
  const slot = async () => {
    for (let left = timesEach; left > 0; ) left -= await oneProcess(home, left, running, count)
  }
  let going = true
  const reader = readOn(home, () => going, faults, count)
  const killer = killOn(home, running, () => going, changesPerKill, count)
  try {
    await Promise.all(Array.from({ length: processes }, slot))
  } finally {
    going = false
    for (const child of running) child.kill('SIGKILL')
    await Promise.all([reader, killer])
  }
  return { ...count, faults: [...faults], seconds: (performance.now() - began) / 1000 }
}

type Count = { acknowledged: number; kills: number; reads: number }

/** @returns how many changes were acknowledged to this process */
function oneProcess(
  home: StoreHome,
  times: number,
  running: Set<ChildProcess>,
  count: Count,
): Promise<number> {
  const child = spawn(process.execPath, [script, home.paths.home, String(times)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let done = 0
  let complaint = ''
  child.stdout.on('data', chunk => {
    done += chunk.length
    count.acknowledged += chunk.length
  })
  child.stderr.on('data', chunk => {
    complaint += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      running.delete(child)
      if (code === 0 || signal === 'SIGKILL') resolve(done)
      else reject(new Error(`A worker failed (${code ?? signal}): ${complaint}`))
    })
  })
}

async function killOn(
  home: StoreHome,
  running: Set<ChildProcess>,
  going: () => boolean,
  every: number,
  count: Count,
): Promise<void> {
  for (let next = every; going(); ) {
    await setTimeout(Math.random() * 10)
    if (count.acknowledged < next) continue
    next += every
    const children = [...running]
    // Every other time the one that is writing just now; the rest are mostly waiting for their turn.
    const writer = lockHolder(home.paths.locks, 'store')?.pid
    const writing = count.kills % 2 === 0 ? children.find(({ pid }) => pid === writer) : undefined
    const victim = writing ?? children[Math.floor(Math.random() * children.length)]
    if (victim?.kill('SIGKILL')) count.kills++
  }
}

async function readOn(
  home: StoreHome,
  going: () => boolean,
  faults: Set<string>,
  count: Count,
): Promise<void> {
  await using store = home.open()
  while (going()) {
    for (const error of (await store.peers()).damaged) faults.add(error.message)
    for (const fault of filesAtFault(home)) faults.add(fault)
    count.reads++
    await setTimeout(10)
  }
}

/** Besides what our own reader says: what any JSON reader and `ls -l` would. */
function filesAtFault({ paths }: StoreHome): readonly string[] {
  const files = readdirSync(paths.peers).filter(name => name.endsWith('.json'))
  return [paths.fleet, ...files.map(name => join(paths.peers, name))].flatMap(path => {
    try {
      JSON.parse(readFileSync(path, 'utf8'))
      const mode = (statSync(path).mode & 0o777).toString(8)
      return mode === '600' ? [] : [`${path} has mode ${mode}`]
    } catch (error) {
      return [`${path}: ${error}`]
    }
  })
}

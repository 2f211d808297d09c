import { setTimeout as sleep } from 'node:timers/promises'
import { z } from '../src/fleet/parse.ts'
import { ask, show } from './command.ts'
import { readKeys } from './keys.ts'
import { comeBack, goDown, type Machine } from './machine.ts'
import { demand } from './problem.ts'
import { paint, print } from './screen.ts'
import type { Stage } from './stage.ts'

/** The demo's machines ping more often than real ones: somebody is looking. */
const ROUND_MS = 2_000

const ROUND = z.object({ durationMs: z.number() })

/**
 * Keep the fleet up and its status on the screen until the signal aborts. On a terminal, keys take machines down and
 * bring them back.
 */
export async function showLive(stage: Stage, stop: AbortController): Promise<void> {
  const { machines, signal } = stage
  const watcher = stage.laptop
  const isTerminal = process.stdout.isTTY === true
  const down = new Set<Machine>()
  let change = Promise.resolve()
  using _keys = readKeys(key => {
    if (key === '\u0003' || key === 'q') stop.abort()
    const machine = machines.find(({ id }) => id !== watcher.id && id.startsWith(key))
    if (machine !== undefined) change = change.then(() => toggle(machine, down))
  })
  if (!isTerminal) await print(`\n${intro(stage)}\n`)
  try {
    while (!signal.aborted) {
      const up = machines.filter(machine => !down.has(machine))
      await Promise.all(up.map(machine => ask(machine, ['ping'], ROUND)))
      if (isTerminal) await print(`\u001b[H\u001b[2J${intro(stage)}\n`)
      const code = await show(watcher, ['status'])
      demand(code === 0, `claw-status on ${watcher.id} to exit 0, not ${code}`)
      await sleep(ROUND_MS, undefined, { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await change
}

async function toggle(machine: Machine, down: Set<Machine>): Promise<void> {
  if (!down.delete(machine)) {
    down.add(machine)
    return goDown(machine)
  }
  return comeBack(machine)
}

const intro = ({ laptop }: Stage): string =>
  [
    `${paint('bold', 'The fleet stays up')}, and its machines ping each other every few seconds.`,
    ...(process.stdin.isTTY === true
      ? [
          `${paint('cyan', 's')} stops or starts Studio, ${paint('cyan', 'm')} Mac mini; Ctrl-C ends it and removes everything.`,
        ]
      : ['Ctrl-C ends it and removes everything.']),
    paint('dim', `Try the programs in another terminal: ${laptop.home}/bin/claw-ping`),
  ].join('\n')

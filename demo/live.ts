import { setTimeout as sleep } from 'node:timers/promises'
import { z } from '../src/fleet/parse.ts'
import { ask, show } from './command.ts'
import { readKeys } from './keys.ts'
import { comeBack, goDown, type Machine } from './machine.ts'
import { demand, Interrupted } from './problem.ts'
import { paint, print } from './screen.ts'
import type { Stage } from './stage.ts'

/** The demo's machines ping more often than real ones: somebody is looking. */
const ROUND_MS = 2_000

const CTRL_C = '\u0003'

/** Somebody may ping by hand at the same moment; then there is no second round. */
const ROUND = z.union([z.object({ durationMs: z.number() }), z.object({ skipped: z.unknown() })])

/**
 * Keep the fleet up and its status on the screen until the signal aborts. On a terminal, keys take machines down and
 * bring them back.
 */
export async function showLive(stage: Stage, stop: AbortController): Promise<void> {
  const { machines, laptop, signal } = stage
  const live: Live = { down: new Set(), changed: Promise.resolve(), pause: new AbortController() }
  using _keys = readKeys(key => {
    if (key === CTRL_C || key === 'q') stop.abort(new Interrupted('SIGINT'))
    const machine = machines.find(({ id }) => id !== laptop.id && id.startsWith(key))
    if (machine === undefined) return
    live.changed = live.changed.then(() => toggle(machine, live.down))
    live.pause.abort()
  })
  try {
    for (let round = 0; !signal.aborted; round++) await showRound(stage, live, round)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await live.changed.catch(() => undefined)
  if (!(signal.reason instanceof Interrupted)) throw signal.reason
}

/** What keys change. */
type Live = {
  readonly down: Set<Machine>
  /** Done when the last change is. */
  changed: Promise<void>
  /** Ends the pause after a round. */
  pause: AbortController
}

async function showRound(stage: Stage, live: Live, round: number): Promise<void> {
  live.pause = new AbortController()
  await live.changed
  const up = stage.machines.filter(machine => !live.down.has(machine))
  await Promise.all(up.map(machine => ask(machine, ['ping'], ROUND)))
  await showStatus(stage, round)
  const signal = AbortSignal.any([stage.signal, live.pause.signal])
  await sleep(ROUND_MS, undefined, { signal }).catch(() => undefined)
}

async function toggle(machine: Machine, down: Set<Machine>): Promise<void> {
  if (down.delete(machine)) return comeBack(machine)
  down.add(machine)
  return goDown(machine)
}

async function showStatus({ laptop }: Stage, round: number): Promise<void> {
  const isScreen = process.stdout.isTTY === true
  // Between ?2026h and ?2026l terminals that know these codes draw nothing, so that the table does not flicker.
  if (isScreen) await print(`\u001b[?2026h\u001b[H${round === 0 ? '\u001b[2J' : ''}${intro(laptop)}\u001b[J`)
  else if (round === 0) await print(`\n${intro(laptop)}`)
  const code = await show(laptop, ['status']).finally(() => print(isScreen ? '\u001b[?2026l' : ''))
  demand(code === 0, `claw-status on ${laptop.id} to exit 0, not ${code}`)
}

function intro({ home }: Machine): string {
  const end = 'Ctrl-C ends it and removes everything'
  const keys = `${paint('cyan', 's')} stops or starts Studio, ${paint('cyan', 'm')} Mac mini. ${end}.\n`
  const title = `${paint('bold', 'The fleet stays up')}, and its machines ping each other every few seconds.\n`
  const programs = `Its programs, for another terminal, are in\n${paint('dim', `${home}/bin`)}\n`
  return `${title}${process.stdin.isTTY === true ? keys : `${end}.\n`}${programs}`
}

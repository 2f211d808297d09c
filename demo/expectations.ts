import { z } from '../src/fleet/parse.ts'
import { ask, type Call } from './command.ts'
import type { Machine } from './machine.ts'
import { demand } from './problem.ts'

const FOUND = z.object({ found: z.array(z.object({ gatewayId: z.string(), known: z.string() })) })

const PINGED = z.object({
  peers: z.array(z.object({ gatewayId: z.string(), outcome: z.string(), change: z.string() })),
})

const STATUS = z.object({
  leader: z.nullable(z.string()),
  peers: z.array(z.object({ gatewayId: z.string(), status: z.string() })),
})

/** Gateway id to a word about it. */
type Words = Readonly<Record<string, string>>

/** @throws {DemoProblem} unless a browse from this machine hears exactly these machines, known as said */
export async function expectFound(machine: Machine, call: Call, expected: Words): Promise<void> {
  const { found } = await ask(machine, call, FOUND)
  compare(
    `claw-discover on ${machine.id}`,
    expected,
    words(found, one => one.known),
  )
}

/** Ping from this machine, unseen. @throws {DemoProblem} unless everybody answers */
export async function pingFrom(machine: Machine): Promise<void> {
  const { peers } = await ask(machine, ['ping'], PINGED)
  const answered = words(peers, peer => peer.outcome)
  const all = words(peers, () => 'ack')
  compare(`claw-ping on ${machine.id}`, all, answered)
}

/** Ping from this machine, unseen. @throws {DemoProblem} unless the round changes standings as said */
export async function expectRound(machine: Machine, expected: Words): Promise<void> {
  const { peers } = await ask(machine, ['ping'], PINGED)
  compare(
    `claw-ping on ${machine.id}`,
    expected,
    words(peers, peer => peer.change),
  )
}

/** @throws {DemoProblem} unless this machine knows its peers, and the leader where given, as said */
export async function expectFleet(
  machine: Machine,
  expected: { readonly leader?: string; readonly peers: Words },
): Promise<void> {
  const { leader, peers } = await ask(machine, ['status'], STATUS)
  compare(
    `claw-status on ${machine.id}`,
    expected.peers,
    words(peers, peer => peer.status),
  )
  const isLeader = expected.leader === undefined || expected.leader === leader
  demand(
    isLeader,
    `claw-status on ${machine.id} to say that ${expected.leader} leads, not ${leader ?? 'nobody'}`,
  )
}

function words<T extends { readonly gatewayId: string }>(all: readonly T[], word: (one: T) => string): Words {
  return Object.fromEntries(all.map(one => [one.gatewayId, word(one)]))
}

function compare(what: string, expected: Words, actual: Words): void {
  const text = (all: Words) =>
    Object.entries(all)
      .map(([id, word]) => `${id} ${word}`)
      .toSorted()
      .join(', ') || 'nobody'
  demand(text(expected) === text(actual), `${what} to say "${text(expected)}", not "${text(actual)}"`)
}

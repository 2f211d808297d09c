import { z } from '../src/fleet/parse.ts'
import { ask, type Call } from './command.ts'
import type { Machine } from './machine.ts'
import { demand } from './problem.ts'

const FOUND = z.object({ found: z.array(z.object({ gatewayId: z.string(), known: z.string() })) })

/** What `claw-ping` and `claw-status` say alike. */
const FLEET = z.object({
  leader: z.nullable(z.string()),
  peers: z.array(z.object({ gatewayId: z.string(), status: z.string() })),
})

/** Gateway id to a word about that machine. */
type Words = Readonly<Record<string, string>>

export type ExpectedFleet = { readonly leader: string; readonly peers: Words }

/**
 * Browse from this machine, unseen.
 *
 * @param absent  the one that must not be heard; others than the demo's may be there
 * @throws {DemoProblem} unless it hears these machines, known as said
 */
export async function expectFound(machine: Machine, call: Call, expected: Words, absent = ''): Promise<void> {
  const { found } = await ask(machine, call, FOUND)
  const ours = found.filter(({ gatewayId }) => gatewayId in expected || gatewayId === absent)
  const what = `claw-discover on ${machine.id}`
  compare(what, expected, Object.fromEntries(ours.map(one => [one.gatewayId, one.known])))
}

/**
 * Run claw-ping or claw-status on this machine, unseen.
 *
 * @throws {DemoProblem} unless it says these standings and this leader
 */
export async function expectFleet(machine: Machine, call: Call, expected: ExpectedFleet): Promise<void> {
  const { leader, peers } = await ask(machine, call, FLEET)
  const what = `claw-${call[0]} on ${machine.id}`
  compare(what, expected.peers, Object.fromEntries(peers.map(peer => [peer.gatewayId, peer.status])))
  const said = leader ?? 'nobody'
  demand(said === expected.leader, `${what} to say that ${expected.leader} leads, not ${said}`)
}

function compare(what: string, expected: Words, actual: Words): void {
  const [wanted, said] = [textOf(expected), textOf(actual)]
  demand(wanted === said, `${what} to say "${wanted}", not "${said}"`)
}

const textOf = (all: Words): string =>
  Object.entries(all)
    .map(([id, word]) => `${id} ${word}`)
    .toSorted()
    .join(', ') || 'nobody'

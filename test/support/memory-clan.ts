import { enrolPeer } from '../../src/actions/enrol.ts'
import type { EnrolDeps, EnrolRequest } from '../../src/actions/enrolment.ts'
import { introduce } from '../../src/actions/introduce.ts'
import { introduceToFleet } from '../../src/actions/introduce-fleet.ts'
import { ClawError, type ErrorCode } from '../../src/fleet/error.ts'
import { introductionAnswerDocument } from '../../src/fleet/introduction-answer.ts'
import type { OperatorStep } from '../../src/fleet/operator-step.ts'
import { idKey } from '../../src/fleet/parse.ts'
import type { Peer } from '../../src/fleet/peer.ts'
import { type PublicKey, sameKey } from '../../src/fleet/public-key.ts'
import { ackOf, anIdentity, id, miss } from './builders.ts'
import { type StoreLiteral, storeOf } from './memory-store.ts'
import { aKey, fingerprintOf } from './public-keys.ts'

/** One machine of a clan in memory; its other programs are the real actions. */
export type Member = {
  readonly name: string
  readonly ip: string
  readonly deps: EnrolDeps
  readonly state: StoreLiteral['state']
  readonly pins: Map<string, readonly PublicKey[]>
  readonly granted: Map<string, PublicKey>
  /** Why the owner's login fails there; undefined when it works. */
  trouble: ErrorCode | undefined
  /** Steps of the owner that reached it. */
  readonly steps: OperatorStep[]
}

/** Machines that reach each other by an owner's login and, once introduced, by clan key; the clock is the test's. */
export function memoryClan(names: readonly string[], now: () => Date) {
  const members = new Map<string, Member>()
  const at = (host: string) => [...members.values()].find(({ ip }) => ip === host)
  const nameAt = (host: string) => at(host)?.name ?? host
  const login: Login =
    from =>
    async ({ host, identityFile }, step) => {
      const member = at(host)
      if (member === undefined) throw new ClawError('host-unreachable', `No route to "${host}"`)
      const { trouble } = member
      if (trouble !== undefined) throw new ClawError(trouble, `${trouble} at "${host}"`)
      if (identityFile === '/wrong') throw new ClawError('auth-denied', `no key opens "${host}"`)
      member.steps.push(step)
      const output = await outputOf(member, step)
      return { ownAddress: from, setUp: 'yes', gatewayId: id(member.name), output, complaint: '' }
    }
  const outputOf = async (member: Member, step: OperatorStep) => {
    if (step.kind === 'look') return ''
    if (step.kind === 'introduce') {
      return JSON.stringify(introductionAnswerDocument(await introduce(member.deps, step.request)))
    }
    const peers = step.gatewayIds.map(asked => ({ gatewayId: asked, ...reach(member.name, asked) }))
    return JSON.stringify({ peers })
  }
  /** What `claw-ping` of one machine finds of another. */
  const reach = (from: string, to: string) => {
    const [asker, asked] = [members.get(idKey(from)), members.get(idKey(to))]
    const record = asker?.state.peers.find(peer => idKey(peer.gatewayId) === idKey(to))
    if (asker === undefined || asked === undefined || record?.ip !== asked.ip) {
      return { outcome: 'miss', reason: 'host-unreachable' }
    }
    const pinned = asker.pins.get(idKey(to)) ?? []
    if (!pinned.some(key => sameKey(key, hostKeyOf(to)))) return { outcome: 'unmade', reason: 'no-host-key' }
    const grant = asked.granted.get(idKey(from))
    const isIn = grant !== undefined && sameKey(grant, asker.deps.clanKey)
    return isIn ? { outcome: 'ack', reason: null } : { outcome: 'miss', reason: 'auth-denied' }
  }
  for (const [index, name] of names.entries()) {
    members.set(idKey(name), memberOf({ name, number: index + 1, now, login, nameAt }))
  }
  const member = (name: string): Member => {
    const found = members.get(idKey(name))
    if (found === undefined) throw new Error(`No "${name}" in this clan`)
    return found
  }
  /** Every pair of which the first reaches the second, as `a>b`. */
  const directions = () =>
    names.flatMap(from =>
      names.flatMap(to => (from !== to && reach(from, to).outcome === 'ack' ? [`${from}>${to}`] : [])),
    )
  return { member, directions }
}

/** The owner's login from a machine with this address. */
type Login = (from: string) => EnrolDeps['asOperator']

const hostKeyOf = (name: string) => aKey(`host of ${idKey(name)}`)

type Seat = {
  readonly name: string
  readonly number: number
  readonly now: () => Date
  readonly login: Login
  readonly nameAt: (host: string) => string
}

function memberOf({ name, number, now, login, nameAt }: Seat): Member {
  const ip = `10.0.0.${number}`
  const store = storeOf([])
  const pins = new Map<string, readonly PublicKey[]>()
  const granted = new Map<string, PublicKey>()
  const deps: EnrolDeps = {
    self: anIdentity({ gatewayId: id(name), name, leadNumber: number, ip }),
    store,
    clock: { now },
    clanKey: aKey(name),
    fingerprint: fingerprintOf,
    offeredHostKey: async host => hostKeyOf(nameAt(host)),
    knownHostKeys: async () => [],
    ownHostKey: async () => hostKeyOf(name),
    pinsOf: one => pins.get(idKey(one)) ?? [],
    pinHostKey: async ({ gatewayId }, key) => void pins.set(idKey(gatewayId), [key]),
    unpinHost: async one => pins.delete(idKey(one)),
    grant: async (one, key) => {
      const before = granted.get(idKey(one))
      granted.set(idKey(one), key)
      return before === undefined ? 'added' : sameKey(before, key) ? 'unchanged' : 'replaced'
    },
    grantOf: async one => granted.get(idKey(one)),
    withdraw: async one => granted.delete(idKey(one)),
    asOperator: login(ip),
    probe: async (peer: Peer) => (peer.ip === ip ? miss : ackOf(peer)),
    onProgress: () => undefined,
  }
  return { name, ip, deps, state: store.state, pins, granted, trouble: undefined, steps: [] }
}

const start = Date.parse('2026-11-20T12:00:00Z')

/** A clan whose clock moves on with every look at it, so that of two orders one is later. */
export const clanOf = (...names: readonly string[]) => {
  let ticks = 0
  return memoryClan(names, () => new Date(start + ticks++ * 1000))
}

/** `claw-setup-ssh add` typed on one machine for another. */
export async function add(on: Member, newcomer: Member, more: Partial<EnrolRequest> = {}) {
  const login = { user: 'claw', host: newcomer.ip, port: 22, acceptNew: true, oneWay: false }
  const request = { ...login, liftsRevocation: true, ...more }
  const enrolment = await enrolPeer(on.deps, request)
  if (enrolment.newcomer === null) throw new Error('no newcomer')
  return { ...enrolment, introductions: await introduceToFleet(on.deps, enrolment.newcomer) }
}

/** For `settlePending`: everybody is there, everything is due. */
export const anyTime = { isThere: () => true, isDue: () => true, mayGoOn: () => true }
/** What stands on a machine's list, one line each. */
export const pendingOf = ({ state }: Member) =>
  state.pending.map(({ kind, gatewayId, about }) => `${kind} ${about} to ${gatewayId}`)

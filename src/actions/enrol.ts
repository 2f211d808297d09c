import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import { enrolledPeer } from '../fleet/enrolled-peer.ts'
import type { IntroductionRequest, Reach } from '../fleet/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import { judge } from '../fleet/health.ts'
import type { IntroductionAnswer } from '../fleet/introduction-answer.ts'
import type { OperatorReport } from '../fleet/operator-step.ts'
import { field, z } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import { inForce, revocationsOf } from '../fleet/revocation.ts'
import { admit, withLeftovers } from './admit.ts'
import { type OwnerFiles, readAnswer } from './contact.ts'
import { checkAnswer, checkGivenId, knownMachine, notSetUp, warningsFor } from './enrol-checks.ts'
import { enrolLegacy } from './enrol-legacy.ts'
import { type EnrolmentPlan, planOf } from './enrol-plan.ts'
import { type EnrolDeps, type Enrolment, type EnrolRequest, filesIn, loginOf } from './enrolment.ts'
import { introductionWork } from './introduce-fleet.ts'
import { liftedLines, liftRevocations, refuseRevoked } from './lift.ts'
import { insteadOf } from './pending-work.ts'
import { proveReverse } from './prove-reverse.ts'
import { type Vouched, vouchedHostKey } from './vouch.ts'

type Login = { readonly vouched: Vouched; readonly login: OperatorLogin; readonly peers: readonly Peer[] }

/**
 * Enrol another machine with the owner's own login there: pin its host key, exchange clan keys, and prove with the
 * clan key that it answers. Only after that proof is anything stored here; what fails takes back what it began.
 *
 * @throws {ClawError} `host-key-unknown`, `host-key-changed` before anything was sent; a code of ssh when the
 *   login fails; `peer-not-set-up`; `peer-refused` when the other side declined, the proof failed, or it is revoked
 */
export async function enrolPeer(deps: EnrolDeps, request: EnrolRequest): Promise<Enrolment> {
  const found = await findOut(deps, request)
  if ('legacy' in found) return enrolLegacy(deps, request, found.legacy)
  const { login, them, back, peers, vouched } = found
  const hostKey = vouched.key
  if (request.liftsRevocation !== true) await refuseRevoked(deps, claimOf(deps, them, hostKey), undefined)
  const { lifted, ...exchanged } = await exchange(deps, request, { login, them, back, hostKey })
  return {
    ...exchanged,
    hostKeyBy: vouched.by,
    reverse: await proveReverse(deps, { login, back, oneWay: request.oneWay, them: them.gatewayId }),
    newcomer: { peer: exchanged.peer, answer: them, files: filesIn(request) },
    warnings: [...warningsFor(deps, request, { them, peers, hostKey }), ...liftedLines(lifted)],
  }
}

/** As `enrolPeer` for a machine with our gate, up to the moment where something would change. */
export async function planEnrolment(deps: EnrolDeps, request: EnrolRequest): Promise<EnrolmentPlan> {
  const found = await findOut(deps, { ...request, legacyKey: undefined })
  if ('legacy' in found) throw new TypeError('a request without a key file is none for a legacy machine')
  const hostKey = found.vouched.key
  const barring = inForce(revocationsOf(await deps.store.revocations(), claimOf(deps, found.them, hostKey)))
  const warnings = [...warningsFor(deps, request, { ...found, hostKey }), ...liftedLines(barring)]
  return planOf(deps, request, { ...found, warnings })
}

const claimOf = (
  { fingerprint }: EnrolDeps,
  { gatewayId, clanPublicKey }: IntroductionAnswer,
  key: PublicKey,
) => ({
  gatewayId,
  clanKey: fingerprint(clanPublicKey),
  hostKey: fingerprint(key),
})

/** Everything there is to know before the first change: whose key, whose id, and how it reaches us. */
async function findOut(deps: EnrolDeps, request: EnrolRequest) {
  checkGivenId(deps.self, request)
  const { peers } = await deps.store.peers()
  const known = knownMachine(peers, request)
  const pinned = known === undefined ? [] : deps.pinsOf(known.gatewayId)
  const vouched = await vouchedHostKey(deps, { ...request, pinned, gatewayId: known?.gatewayId })
  const begun: Login = { vouched, peers, login: loginOf(request, vouched.key) }
  if (request.legacyKey !== undefined) return { legacy: begun }
  deps.onProgress(`logging in to ${request.host} as ${request.user}`)
  const nothing = { machines: [], forget: [] }
  const report = await deps.asOperator(begun.login, { kind: 'introduce', request: nothing })
  if (report.setUp !== 'yes') throw notSetUp(request, report)
  const them = readAnswer(request.host, report)
  checkAnswer(deps, request, { them, peers, hostKey: vouched.key })
  return { ...begun, them, back: request.oneWay ? null : await ownReach(deps, report) }
}

/** How the other machine reaches us: the address its sshd saw us come from, and our own sshd's key. */
async function ownReach(
  { self, ownHostKey }: EnrolDeps,
  { ownAddress }: OperatorReport,
): Promise<Reach | null> {
  const hostKey = await ownHostKey()
  if (hostKey === undefined) return null
  const seen = z.safeParse(field.host, ownAddress)
  return { ip: seen.success ? seen.data : self.ip, sshPort: self.sshPort, hostKey }
}

type Exchange = {
  readonly login: OperatorLogin
  readonly them: IntroductionAnswer
  readonly back: Reach | null
  readonly hostKey: PublicKey
}

/** Make us known there, then prove and store; when that fails, make us unknown there again. */
async function exchange(deps: EnrolDeps, request: EnrolRequest, given: Exchange) {
  const { login, them, back } = given
  const { gatewayId, name, leadNumber, sshUser, version } = deps.self
  const us = { gatewayId, name, leadNumber, sshUser, version, clanPublicKey: deps.clanKey, reach: back }
  const tell = async (document: IntroductionRequest) =>
    readAnswer(request.host, await deps.asOperator(login, { kind: 'introduce', request: document }))
  deps.onProgress(`introducing this machine to ${them.gatewayId}`)
  const [ours] = (await tell({ machines: [us], forget: [] })).machines
  if (ours === undefined || ours.result === 'refused') {
    const why = ours?.reason ?? 'it gave no reason'
    throw new ClawError('peer-refused', `Cannot enrol "${them.gatewayId}": it refused this machine: ${why}`, {
      hint: `If it knows an older "${gatewayId}", run "claw-setup-ssh forget ${gatewayId}" there, then try again`,
    })
  }
  try {
    return await proveAndStore(deps, request, given)
  } catch (error) {
    if (ours.result !== 'added') throw error
    const left = await tell({ machines: [], forget: [gatewayId] }).then(
      () => [],
      () => [`this machine's key on "${request.host}" (run "claw-setup-ssh forget ${gatewayId}" there)`],
    )
    throw withLeftovers(error, left)
  }
}

/** Ask with the clan key; only after the answer is anything written here. */
async function proveAndStore(deps: EnrolDeps, request: EnrolRequest, { them, hostKey }: Exchange) {
  const { host, port, user, oneWay, alias } = request
  const { gatewayId, name, leadNumber, version, clanPublicKey, mayBeAway, incarnation } = them
  const facts = {
    ...{
      gatewayId,
      name,
      leadNumber,
      version,
      ip: host,
      sshPort: port,
      sshUser: user,
      clawClanInstalled: true,
    },
    hostKey: deps.fingerprint(hostKey),
    clanKey: deps.fingerprint(clanPublicKey),
    ...(oneWay ? { oneWay } : {}),
    ...(alias === undefined ? {} : { sshAlias: alias }),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(incarnation === undefined ? {} : { incarnation }),
  }
  const at = deps.clock.now()
  deps.onProgress(`asking ${gatewayId} with the clan key`)
  const newcomer = enrolledPeer(undefined, facts, at)
  const outcome = await proved(deps, newcomer, hostKey)
  const withdrawWork = await planIntroductions(deps, newcomer, filesIn(request))
  try {
    const { result, peer } = await admit(deps, {
      gatewayId,
      clanKey: oneWay ? undefined : clanPublicKey,
      ...{ host, port, hostKey },
      record: known => judge(enrolledPeer(known, facts, at), outcome, at, 1).peer,
    })
    const lifted = await liftRevocations(deps, facts)
    return { change: result, peer, forwardMs: Math.round(outcome.responseMs), lifted }
  } catch (error) {
    await withdrawWork()
    throw error
  }
}

/** On the list before the machine is enrolled, so that a run that is cut off after that leaves nobody out. */
async function planIntroductions(deps: EnrolDeps, peer: Peer, files: OwnerFiles) {
  const { peers } = await deps.store.peers()
  const items = introductionWork(peers, { peer, files }, deps.clock.now()).map(({ item }) => item)
  const pending = await deps.store.pending()
  const replaced = items.flatMap(({ id }) => pending.find(item => item.id === id) ?? [])
  await deps.store.addPending(items.map(item => insteadOf(item, pending)))
  return async () => {
    await deps.store.removePending(items.map(({ id }) => id))
    await deps.store.addPending(replaced)
  }
}

async function proved(deps: EnrolDeps, peer: Peer, hostKey: PublicKey) {
  const outcome = await deps.probe(peer, hostKey)
  if (outcome.kind === 'ack') return outcome
  throw new ClawError(
    'peer-refused',
    `Cannot enrol "${peer.gatewayId}": your login works, the clan key's does not: ${outcome.reason}: ${outcome.detail}`,
    {
      hint: `Check on "${peer.ip}" that its sshd reads the authorized_keys of "${peer.sshUser}", then try again`,
    },
  )
}

import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { IntroductionAnswer } from '../fleet/introduction-answer.ts'
import type { OperatorReport } from '../fleet/operator-step.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { type PublicKey, sameKey } from '../fleet/public-key.ts'
import { refuseOtherKey } from './admit.ts'
import type { EnrolDeps, EnrolRequest } from './enrolment.ts'

const isSameId = (a: { readonly gatewayId: GatewayId }, b: { readonly gatewayId: GatewayId }): boolean =>
  idKey(a.gatewayId) === idKey(b.gatewayId)

/** @throws {ClawError} `bad-input` for our own id */
export function checkGivenId(self: Identity, { gatewayId }: Pick<EnrolRequest, 'gatewayId'>): void {
  if (gatewayId === undefined || !isSameId({ gatewayId }, self)) return
  throw new ClawError('bad-input', `Cannot enrol "${gatewayId}": it is this machine's own id`, {
    hint: 'Give the other machine its own id with "claw-setup --gateway-id" there',
  })
}

/** The enrolled machine a request means: by id when one is given, else by address. */
export function knownMachine(
  peers: readonly Peer[],
  { gatewayId, host, port }: EnrolRequest,
): Peer | undefined {
  if (gatewayId !== undefined) return peers.find(peer => isSameId(peer, { gatewayId }))
  return peers.find(peer => peer.ip === host && peer.sshPort === port)
}

type Answered = {
  readonly them: IntroductionAnswer
  readonly peers: readonly Peer[]
  readonly hostKey: PublicKey
}

/**
 * Compare what a machine says of itself with what was asked and what is known, before anything is changed there.
 *
 * @throws {ClawError} `bad-input` for our own id or another id than the given one; `host-key-changed` for an id
 *   that is enrolled with another host key
 */
export function checkAnswer(
  deps: EnrolDeps,
  { host, gatewayId }: EnrolRequest,
  { them, hostKey }: Answered,
): void {
  const { self } = deps
  if (isSameId(them, self)) {
    const isOurselves = sameKey(them.clanPublicKey, deps.clanKey)
    const what = isOurselves
      ? 'it is this machine'
      : `it has the same id as this machine, "${self.gatewayId}"`
    throw new ClawError('bad-input', `Cannot enrol "${host}": ${what}`, {
      hint: isOurselves
        ? 'Name another machine'
        : 'Give one of the two another id with "claw-setup --gateway-id"',
    })
  }
  if (gatewayId !== undefined && !isSameId(them, { gatewayId })) {
    throw new ClawError(
      'bad-input',
      `Cannot enrol "${host}" as "${gatewayId}": it says it is "${them.gatewayId}"`,
      {
        hint: `Leave the id out or give "${them.gatewayId}"; a machine's id is changed there, with "claw-setup --gateway-id"`,
      },
    )
  }
  refuseOtherKey(deps, them.gatewayId, hostKey)
}

/** What the owner should know beside the success, one line each. */
export function warningsFor(
  deps: EnrolDeps,
  { host, port, name }: EnrolRequest,
  { them, peers, hostKey }: Answered,
): readonly string[] {
  const known = peers.find(peer => isSameId(peer, them))
  const others = peers.filter(peer => !isSameId(peer, them))
  const twins = others.filter(peer => peer.hostKey === deps.fingerprint(hostKey))
  const isForwarded = them.hostKeys.some(key => key.type === hostKey.type && !sameKey(key, hostKey))
  const hadClanKey = known?.clanKey !== undefined && known.clanKey !== deps.fingerprint(them.clanPublicKey)
  return [
    ...leadRivals(deps.self, peers, them),
    ...twins.map(
      ({ gatewayId }) =>
        `"${gatewayId}" has the same host key: if it is the same machine, run "claw-setup-ssh forget ${gatewayId}"`,
    ),
    ...(isForwarded
      ? [`"${host}:${port}" shows another host key than its own sshd: is there a forwarder between?`]
      : []),
    ...(hadClanKey ? ['It has a new clan key; the old one no longer opens this machine'] : []),
    ...(name !== undefined && name !== them.name
      ? [`It calls itself "${them.name}": change that there, with "claw-setup --name"`]
      : []),
  ]
}

/** One line per machine that has the same lead number. */
export function leadRivals(
  self: Identity,
  peers: readonly Peer[],
  them: Pick<Peer, 'gatewayId' | 'leadNumber'>,
): readonly string[] {
  return [self, ...peers]
    .filter(one => !isSameId(one, them) && one.leadNumber > 0 && one.leadNumber === them.leadNumber)
    .map(
      one =>
        `"${one.gatewayId}" has lead number ${them.leadNumber} too: of the two, the id that sorts first leads`,
    )
}

/** Its shell answered, and our gate is not there. */
export function notSetUp({ host }: Pick<EnrolRequest, 'host'>, { setUp }: OperatorReport): ClawError {
  const older = setUp === 'older' ? ', only an older version is' : ''
  return new ClawError('peer-not-set-up', `claw-clan is not set up on "${host}"${older}`, {
    hint: `Run "claw-remote-install USER ${host}", which puts it there and adds the machine; or enrol it as it is with --legacy --key FILE`,
  })
}

/** The id for a machine that has no claw-clan to ask. @throws {ClawError} `bad-input` when none can be made */
export function legacyId({ gatewayId, host }: EnrolRequest, report: OperatorReport): GatewayId {
  const id = gatewayId ?? report.gatewayId
  if (id !== undefined) return id
  throw new ClawError(
    'bad-input',
    `Cannot enrol "${host}": it has neither a gateway id nor a host name that is one`,
    {
      hint: 'Give it a host name of letters, digits, ".", "_" and "-"',
    },
  )
}

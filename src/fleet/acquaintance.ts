import type { Introduced, Reach } from './enrolment.ts'
import type { IntroductionAnswer } from './introduction-answer.ts'
import type { Peer } from './peer.ts'
import type { PublicKey } from './public-key.ts'

/** A machine that can be introduced to another: as it is recorded here, and as it has just described itself. */
export type Acquaintance = {
  readonly peer: Peer
  readonly answer: IntroductionAnswer
  /** The host key pinned for it here. */
  readonly hostKey: PublicKey
  /** See `liftedUpTo` of an introduction. */
  readonly liftedUpTo?: string | undefined
}

/** A machine that was enrolled one-way is watched and pings nobody. */
export const watches = ({ oneWay }: Pick<Peer, 'oneWay'>): boolean => oneWay !== true

/** True for machines with a gate of ours: one without is probed by its own key, which only its enroller has. */
export const hasGate = ({ legacyKey, clanKey }: Peer): boolean =>
  legacyKey === undefined && clanKey !== undefined

/**
 * What a machine is told of another one, so that of two that watch each looks at the other, a watched one is only
 * looked at, and two watched ones have nothing to do with each other.
 *
 * @returns undefined where there is nothing to tell
 */
export function introductionTo(listener: Peer, about: Acquaintance): Introduced | undefined {
  if (!watches(listener) && !watches(about.peer)) return undefined
  const { gatewayId, name, leadNumber, version, clanPublicKey, mayBeAway, incarnation } = about.answer
  const { liftedUpTo } = about
  return {
    ...{ gatewayId, name, leadNumber, version, clanPublicKey, sshUser: about.peer.sshUser },
    reach: watches(listener) ? reachFrom(listener, about) : null,
    ...(watches(about.peer) ? {} : { oneWay: true }),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(liftedUpTo === undefined ? {} : { liftedUpTo }),
  }
}

/** The address we reach it at; where that is a tunnel on this machine, of no use to others, its own word for it. */
function reachFrom(listener: Peer, { peer, answer, hostKey }: Acquaintance): Reach {
  const isTunnel = isLoopback(peer.ip) && !isLoopback(listener.ip)
  return isTunnel && answer.ip !== undefined && answer.ip !== ''
    ? { ip: answer.ip, sshPort: answer.sshPort, hostKey }
    : { ip: peer.ip, sshPort: peer.sshPort, hostKey }
}

const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost\.?$)/i.test(host)

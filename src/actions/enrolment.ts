import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { OperatorReport, OperatorStep } from '../fleet/operator-step.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import type { OwnerFiles } from './contact.ts'
import type { IntroduceDeps } from './introduce.ts'
import type { Newcomer } from './introduce-pairs.ts'
import type { VouchDeps, Vouched, Vouching } from './vouch.ts'

export type EnrolDeps = VouchDeps &
  IntroduceDeps & {
    /** One step with the owner's own login. */
    readonly asOperator: (login: OperatorLogin, step: OperatorStep) => Promise<OperatorReport>
    /** One challenge, believing only this host key. */
    readonly probe: (peer: Peer, hostKey: PublicKey) => Promise<ProbeOutcome>
    readonly onProgress: (text: string) => void
  }

export type EnrolRequest = Vouching & {
  readonly user: string
  readonly host: string
  readonly port: number
  /** The owner's word for it in his ssh_config, where that is not the address. */
  readonly alias?: string
  readonly name?: string | undefined
  readonly gatewayId?: GatewayId | undefined
  readonly identityFile?: string | undefined
  readonly configFile?: string | undefined
  /** It cannot or must not reach us: it is watched, and watches nobody. */
  readonly oneWay: boolean
  /** The owner named this very machine: if it was revoked, it may come back. */
  readonly liftsRevocation?: boolean
  /** Absolute path of the private key for a machine without our gate. */
  readonly legacyKey?: string | undefined
}

/** Whether the other machine reaches us; the keys are a public interface. */
export type ReverseProof = {
  /** `off`: not wanted, or our own sshd does not answer; `unproven`: it could not be asked. */
  readonly outcome: 'ack' | 'miss' | 'unmade' | 'unproven' | 'off'
  readonly reason: string | null
  /** What to do about it, fit to be shown; null when nothing is to be done. */
  readonly next: string | null
}

export type Enrolment = {
  readonly change: 'added' | 'updated' | 'unchanged'
  readonly peer: Peer
  readonly hostKeyBy: Vouched['by']
  readonly forwardMs: number
  readonly reverse: ReverseProof
  /** The machine as one that can be introduced to the others; null for one without a gate of ours. */
  readonly newcomer: Newcomer | null
  /** One line each; nothing of it keeps the peer from being enrolled. */
  readonly warnings: readonly string[]
}

/** The owner's login for a request, once its host key is vouched for. */
export const loginOf = (request: Omit<EnrolRequest, 'oneWay'>, hostKey: PublicKey): OperatorLogin => {
  const { user, host, port } = request
  return { user, host, port, hostKey, ...filesIn(request) }
}

/** The files the owner named for his login. */
export const filesIn = ({
  identityFile,
  configFile,
}: Pick<EnrolRequest, 'identityFile' | 'configFile'>): OwnerFiles => ({
  ...(identityFile === undefined ? {} : { identityFile }),
  ...(configFile === undefined ? {} : { configFile }),
})

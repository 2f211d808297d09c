import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { RemoteRun } from '../fleet/install-step.ts'
import type { InstallSurvey } from '../fleet/install-survey.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { PublicKey } from '../fleet/public-key.ts'
import type { Received } from '../fleet/version-stream.ts'
import type { FleetStore } from '../store/store.ts'
import type { EnrolDeps, EnrolRequest } from './enrolment.ts'
import type { RemoteIdentity } from './remote-identity.ts'

/** A version that can be sent. */
export type Offered = {
  readonly name: string
  readonly version: string
  /** On the wire, and unpacked. */
  readonly sentBytes: number
  readonly bytes: number
}

export type RemoteDeps = Omit<EnrolDeps, 'store'> & {
  readonly store: EnrolDeps['store'] & Pick<FleetStore, 'candidates'>
  readonly offered: Offered
  /** How often what waits for a machine is tried again. */
  readonly pingIntervalMinutes: number
  readonly survey: (login: OperatorLogin, node: string | undefined) => Promise<InstallSurvey>
  /** Send the version; nothing is changed there unless all of it arrived. Undefined when the other side fell silent. */
  readonly send: (
    login: OperatorLogin,
    to: { readonly node: string; readonly home: string },
  ) => Promise<Received | undefined>
  /** Run one program there, without input. */
  readonly run: (login: OperatorLogin, words: readonly string[]) => Promise<RemoteRun>
}

export type InstallRequest = EnrolRequest & {
  readonly lead?: number | undefined
  /** Absolute path of the node to use there. */
  readonly node?: string | undefined
  /** `update` only renews what a machine of the fleet has: it is enrolled, announced and scheduled as it was. */
  readonly purpose: 'install' | 'update'
  readonly register: boolean
  readonly schedule: boolean
  readonly dryRun: boolean
}

/** One thing that was verified or done; the keys are a public interface. */
export type InstallStep = {
  readonly step: string
  /** `finding`: not done there, and the install is done all the same. */
  readonly result: 'ok' | 'unchanged' | 'skipped' | 'finding' | 'would'
  readonly detail: string
}

/** The keys are a public interface. */
export type RemoteInstall = {
  readonly gatewayId: GatewayId
  readonly host: string
  readonly version: string
  /** Name of the version folder that was in use before; null when there was none. */
  readonly previous: string | null
  readonly firstInstall: boolean
  readonly dryRun: boolean
  readonly steps: readonly InstallStep[]
}

/** What the steps of one install share. */
export type Installing = {
  readonly deps: RemoteDeps
  readonly request: InstallRequest
  readonly login: OperatorLogin
  readonly hostKey: PublicKey
  readonly survey: InstallSurvey
  readonly node: string
  readonly identity: RemoteIdentity
  readonly done: (step: string, result: InstallStep['result'], detail: string) => void
}

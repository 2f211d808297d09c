import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { IntroductionRequest } from '../fleet/enrolment.ts'
import { ClawError, type ErrorCode } from '../fleet/error.ts'
import { type IntroductionAnswer, parseIntroductionAnswer } from '../fleet/introduction-answer.ts'
import type { OperatorReport, OperatorStep } from '../fleet/operator-step.ts'
import { idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { notSetUp } from './enrol-checks.ts'
import type { EnrolDeps } from './enrolment.ts'

export type ContactDeps = Pick<EnrolDeps, 'asOperator' | 'pinsOf'>

/** Files the owner named for the login: absolute paths. */
export type OwnerFiles = { readonly identityFile?: string; readonly configFile?: string }

/**
 * The owner's login on an enrolled machine.
 *
 * @throws {ClawError} `host-key-unknown` where none is pinned
 */
export function loginTo(
  { pinsOf }: Pick<ContactDeps, 'pinsOf'>,
  peer: Peer,
  files: OwnerFiles,
): OperatorLogin {
  const { gatewayId, sshUser: user, ip: host, sshPort: port } = peer
  const [hostKey] = pinsOf(gatewayId)
  if (hostKey !== undefined) return { user, host, port, hostKey, ...files }
  throw new ClawError('host-key-unknown', `Cannot log in to "${gatewayId}": no host key is pinned for it`, {
    hint: `Run "claw-setup-ssh trust ${gatewayId}"`,
  })
}

/**
 * One step with the owner's login on an enrolled machine. A key that the owner named for one machine need not be the
 * one for another, so it is tried first and the usual ones after it.
 *
 * @throws {ClawError} `host-key-unknown`; a code of ssh
 */
export async function asOwner(
  deps: ContactDeps,
  peer: Peer,
  { step, files }: { readonly step: OperatorStep; readonly files: OwnerFiles },
): Promise<OperatorReport> {
  const { identityFile, ...usual } = files
  try {
    return await deps.asOperator(loginTo(deps, peer, files), step)
  } catch (error) {
    const mayRetry = identityFile !== undefined && error instanceof ClawError && error.code === 'auth-denied'
    if (!mayRetry) throw error
    return deps.asOperator(loginTo(deps, peer, usual), step)
  }
}

/**
 * Hand a document to the program of an enrolled machine.
 *
 * @throws {ClawError} as `asOwner`; `peer-not-set-up`, `peer-refused`, `bad-answer`
 */
export async function tell(
  deps: ContactDeps,
  peer: Peer,
  { document, files }: { readonly document: IntroductionRequest; readonly files: OwnerFiles },
): Promise<IntroductionAnswer> {
  const report = await asOwner(deps, peer, { step: { kind: 'introduce', request: document }, files })
  if (report.setUp !== 'yes') throw notSetUp({ host: peer.ip }, report)
  const answer = readAnswer(peer.ip, report)
  if (idKey(answer.gatewayId) === idKey(peer.gatewayId)) return answer
  throw new ClawError(
    'bad-answer',
    `"${peer.ip}" says it is "${answer.gatewayId}", not "${peer.gatewayId}"`,
    {
      hint: `Run "claw-setup-ssh forget ${peer.gatewayId}" and add it again`,
    },
  )
}

/** @throws {ClawError} `bad-answer` when its program did not run; as `parseIntroductionAnswer` */
export function readAnswer(host: string, { output, complaint }: OperatorReport): IntroductionAnswer {
  if (output.trim() !== '') return parseIntroductionAnswer(output, `claw-setup-ssh on ${host}`)
  const said = complaint === '' ? 'it printed nothing' : complaint
  throw new ClawError('bad-answer', `Cannot run claw-setup-ssh on "${host}": ${said}`, {
    hint: 'Run "claw-setup --yes" there to write its launchers anew, then try again',
  })
}

// An sshd that takes the connection and says nothing is there: not counted, it would be waited for at every round.
const AWAY: readonly ErrorCode[] = ['host-unreachable', 'ssh-refused', 'ssh-busy', 'no-network']

/** True when a machine was not there, so that nothing was tried that could have failed. */
export const isAbsence = (error: unknown): boolean => error instanceof ClawError && AWAY.includes(error.code)

/** At most so many logins of the owner are under way at once: each is a process of ssh here. */
const MAX_OWNER_LOGINS = 8

/** Do something with each, several at once, and give the results in order. */
export async function eachAtOnce<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<T, R>()
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) results.set(item, await work(item))
  }
  await Promise.all(Array.from({ length: Math.min(MAX_OWNER_LOGINS, items.length) }, worker))
  return items.flatMap(item => (results.has(item) ? [results.get(item) as R] : []))
}

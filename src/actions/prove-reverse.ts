import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { Reach } from '../fleet/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import { lazy } from '../fleet/lazy.ts'
import type { OperatorReport, OperatorStep } from '../fleet/operator-step.ts'
import { field, type GatewayId, idKey, z } from '../fleet/parse.ts'
import { foreignLine } from '../fleet/text.ts'
import type { EnrolDeps, ReverseProof } from './enrolment.ts'

const answer = lazy(() =>
  z.object({
    peers: z.array(
      z.object({
        gatewayId: field.gatewayId,
        outcome: z.enum(['ack', 'miss', 'unmade']),
        reason: z.catch(z.nullable(z.pipe(z.string(), z.transform(foreignLine))), null),
      }),
    ),
  }),
)

/** One machine that another one is to ask, and how it was told to reach it. */
export type Target = { readonly gatewayId: GatewayId; readonly at: Pick<Reach, 'ip' | 'sshPort'> }

/**
 * Have the other machine's own `claw-ping` ask us. A peer that does not reach us stays enrolled: we reach it, and
 * the owner is told what is missing.
 */
export async function proveReverse(
  deps: Pick<EnrolDeps, 'self' | 'asOperator' | 'onProgress'>,
  given: {
    readonly login: OperatorLogin
    readonly them: GatewayId
    readonly back: Reach | null
    readonly oneWay: boolean
  },
): Promise<ReverseProof> {
  const { self, onProgress } = deps
  const { login, them, back, oneWay } = given
  if (oneWay) return { outcome: 'off', reason: 'one-way', next: null }
  if (back === null) return sshdIsOff(self.sshPort)
  onProgress(`having ${them} ask this machine`)
  const ask = (step: OperatorStep) => deps.asOperator(login, step)
  const [proof] = await proofsOf(ask, them, [{ gatewayId: self.gatewayId, at: back }])
  if (proof === undefined) throw new TypeError('every target has its proof')
  return proof
}

/**
 * Have another machine's own `claw-ping` ask several machines, and say for each what came of it, in their order.
 * Never throws for a machine that does not answer, nor for the asker.
 *
 * @param ask  a step of the owner on the asker
 */
export async function proofsOf(
  ask: (step: OperatorStep) => Promise<OperatorReport>,
  asker: GatewayId,
  targets: readonly Target[],
): Promise<readonly ReverseProof[]> {
  if (targets.length === 0) return []
  const gatewayIds = targets.map(({ gatewayId }) => gatewayId)
  try {
    const { output, complaint } = await ask({ kind: 'ping', gatewayIds })
    const read = z.safeParse(answer(), parseJson(output))
    const lines = new Map((read.success ? read.data.peers : []).map(line => [idKey(line.gatewayId), line]))
    return targets.map(target => proofOf(lines.get(idKey(target.gatewayId)), { asker, target, complaint }))
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return targets.map(({ gatewayId }) => unproven(asker, gatewayId, error.message))
  }
}

type Line = z.core.output<ReturnType<typeof answer>>['peers'][number]

function proofOf(
  line: Line | undefined,
  asked: { readonly asker: GatewayId; readonly target: Target; readonly complaint: string },
): ReverseProof {
  const { asker, target, complaint } = asked
  const { gatewayId, at } = target
  if (line === undefined) return unproven(asker, gatewayId, complaint || 'its claw-ping gave no answer')
  const { outcome, reason } = line
  if (outcome === 'ack') return { outcome, reason: null, next: null }
  return {
    ...{ outcome, reason },
    next: `Check that "${at.ip}" port ${at.sshPort} is open for "${asker}" (firewall, address); where it can never be, add it with --one-way`,
  }
}

const sshdIsOff = (port: number): ReverseProof => ({
  outcome: 'off',
  reason: "this machine's Remote Login is off",
  next: `No sshd answers on this machine's port ${port}: switch it on (Mac: System Settings > General > Sharing > Remote Login), then add the peer again`,
})

const unproven = (asker: string, asked: string, reason: string): ReverseProof => ({
  outcome: 'unproven',
  reason,
  next: `Run "claw-ping --only ${asked} --once" on "${asker}" to see`,
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

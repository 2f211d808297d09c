import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { Reach } from '../fleet/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import { lazy } from '../fleet/lazy.ts'
import { type GatewayId, z } from '../fleet/parse.ts'
import type { EnrolDeps, ReverseProof } from './enrolment.ts'

const answer = lazy(() =>
  z.object({
    peers: z.array(
      z.object({
        outcome: z.enum(['ack', 'miss', 'unmade']),
        reason: z.catch(z.nullable(z.string()), null),
      }),
    ),
  }),
)

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
  const { self, asOperator, onProgress } = deps
  const { login, them, back, oneWay } = given
  if (oneWay) return { outcome: 'off', reason: 'one-way', next: null }
  if (back === null) return sshdIsOff(self.sshPort)
  onProgress(`having ${them} ask this machine`)
  try {
    const { output, complaint } = await asOperator(login, { kind: 'ping', gatewayId: self.gatewayId })
    const read = z.safeParse(answer(), parseJson(output))
    const [line] = read.success ? read.data.peers : []
    if (line === undefined) return unproven(them, self.gatewayId, complaint || 'its claw-ping gave no answer')
    if (line.outcome === 'ack') return { outcome: 'ack', reason: null, next: null }
    return {
      ...line,
      next: `Check that "${back.ip}" port ${back.sshPort} is open for "${them}" (firewall, address); where it can never be, add it with --one-way`,
    }
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return unproven(them, self.gatewayId, error.message)
  }
}

const sshdIsOff = (port: number): ReverseProof => ({
  outcome: 'off',
  reason: "this machine's Remote Login is off",
  next: `No sshd answers on this machine's port ${port}: switch it on (Mac: System Settings > General > Sharing > Remote Login), then add the peer again`,
})

const unproven = (them: string, us: string, reason: string): ReverseProof => ({
  outcome: 'unproven',
  reason,
  next: `Run "claw-ping --only ${us} --once" on "${them}" to see`,
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

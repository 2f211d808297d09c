import type { GatewayId } from '../fleet/parse.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import type { FleetStore } from '../store/store.ts'

export type CheckDeps = {
  readonly store: Pick<FleetStore, 'peers'>
  readonly probe: (peer: Peer) => Promise<ProbeOutcome>
  readonly onProgress: (text: string) => void
}

/** One peer's line; the keys are a public interface. */
export type CheckedPeer = {
  readonly gatewayId: GatewayId
  readonly outcome: ProbeOutcome['kind']
  readonly reason: string | null
  readonly detail: string | null
  /** The next step for the owner; null when it answers. */
  readonly next: string | null
}

/** At most this many logins at once, as in a ping round. */
const MAX_LOGINS = 32

/** Ask every peer once with the clan key and say per peer what to do next. Nothing is recorded: that is a round's. */
export async function checkSsh({ store, probe, onProgress }: CheckDeps): Promise<readonly CheckedPeer[]> {
  const peers = (await store.peers()).peers.toSorted(byLeadNumber)
  const checked = new Map<GatewayId, CheckedPeer>()
  const waiting = peers.values()
  const worker = async () => {
    for (const peer of waiting) {
      checked.set(peer.gatewayId, lineOf(peer, await probe(peer)))
      onProgress(`asked ${checked.size} of ${peers.length}`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(MAX_LOGINS, peers.length) }, worker))
  return peers.flatMap(({ gatewayId }) => checked.get(gatewayId) ?? [])
}

function lineOf(peer: Peer, outcome: ProbeOutcome): CheckedPeer {
  const { gatewayId } = peer
  if (outcome.kind === 'ack') return { gatewayId, outcome: 'ack', reason: null, detail: null, next: null }
  const { kind, reason, detail } = outcome
  return { gatewayId, outcome: kind, reason, detail, next: nextStep(peer, reason) }
}

type Reason = Exclude<ProbeOutcome, { readonly kind: 'ack' }>['reason']

/** What the owner does about a probe that was not answered. */
export function nextStep({ gatewayId, ip, sshUser, sshPort }: Peer, reason: Reason): string {
  const port = sshPort === 22 ? '' : ` --port ${sshPort}`
  const add = `"claw-setup-ssh add ${sshUser} ${ip}${port}"`
  const steps: Record<Reason, string> = {
    'no-key': 'Run "claw-setup-ssh keygen"',
    'no-host-key': `Run "claw-setup-ssh trust ${gatewayId}", then ${add}`,
    'no-network': "Check this machine's own network",
    'host-unreachable': `Check that "${gatewayId}" is switched on, and that ${ip} is still its address`,
    'ssh-refused': `Switch Remote Login (sshd) on at "${gatewayId}"`,
    'ssh-busy': 'Its sshd is busy: try again in a minute',
    'ssh-timeout': `Its sshd hangs: look at "${gatewayId}" itself`,
    'ssh-failed': `Try "ssh -v -p ${sshPort} ${sshUser}@${ip} true"`,
    'auth-denied': `Run ${add}: our clan key is not in its authorized_keys`,
    'host-key-changed': `Compare the fingerprint on its own screen, then run "claw-setup-ssh trust ${gatewayId}"`,
    'wrong-identity': `Another machine answers there: find the address of "${gatewayId}" with claw-discover`,
    'stale-nonce': `Something between answers for "${gatewayId}": look at what stands at ${ip}`,
    'no-answer': `Run ${add}: the login works, and the gate does not answer`,
  }
  return steps[reason]
}

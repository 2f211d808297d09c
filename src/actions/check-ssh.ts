import type { GatewayId } from '../fleet/parse.ts'
import { byLeadNumber, type Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import { REMOTE_LOGIN, shellWord } from '../fleet/ssh-failure.ts'
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

type Step = (peer: Peer, words: { readonly add: string; readonly where: string }) => string

/** What the owner does about a probe that was not answered: one sentence, with the command where there is one. */
export function nextStep(peer: Peer, reason: Reason): string {
  const where = targetWords(peer)
  const legacy = peer.legacyKey === undefined ? '' : ` --legacy --key ${shellWord(peer.legacyKey)}`
  return STEPS[reason](peer, { where, add: `"claw-setup-ssh add ${where}${legacy}"` })
}

/** USER HOST [--port N] as `add` and `claw-remote-install` take them, in the owner's own word for the host. */
function targetWords({ ip, sshUser, sshPort, sshAlias }: Peer): string {
  const port = sshPort === 22 && sshAlias === undefined ? '' : ` --port ${sshPort}`
  return `${shellWord(sshUser)} ${shellWord(sshAlias ?? ip)}${port}`
}

const STEPS: Record<Reason, Step> = {
  'no-key': ({ legacyKey }, { add }) =>
    legacyKey === undefined
      ? 'Run "claw-setup-ssh keygen"'
      : `Put its key file "${legacyKey}" back, or run ${add} with another`,
  'no-host-key': ({ gatewayId }, { add }) => `Run "claw-setup-ssh trust ${gatewayId}", then ${add}`,
  'no-network': () => `Check this machine's own network: run "claw-doctor"`,
  'host-unreachable': ({ gatewayId, ip }) =>
    `Switch "${gatewayId}" on, and check that ${ip} is still its address: run "claw-discover"`,
  'ssh-refused': ({ gatewayId }) => `Switch Remote Login on at "${gatewayId}": ${REMOTE_LOGIN}`,
  'ssh-busy': () => 'Its sshd turns logins away for now: run "claw-setup-ssh check" again in a minute',
  'ssh-timeout': ({ gatewayId }) =>
    `Its sshd takes the connection and says nothing: restart it, or "${gatewayId}" itself`,
  'ssh-failed': (_peer, { where }) => `Run "claw-setup-ssh test ${where}" to see where it stops`,
  'auth-denied': ({ legacyKey }, { add }) =>
    legacyKey === undefined
      ? `Run ${add}: our clan key is not in its authorized_keys`
      : `Put "${legacyKey}.pub" into its authorized_keys again, or run ${add} with another key`,
  'host-key-changed': ({ gatewayId }) =>
    `Compare the fingerprint with its own screen ("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" there), then run "claw-setup-ssh trust ${gatewayId}"`,
  'wrong-identity': ({ gatewayId }) =>
    `Another machine answers there: find where "${gatewayId}" is now, with "claw-discover"`,
  'stale-nonce': ({ gatewayId, ip }) =>
    `Something between answers for "${gatewayId}": look at what stands at ${ip}`,
  'no-answer': ({ legacyKey }, { add, where }) =>
    legacyKey === undefined
      ? `The login works and claw-clan does not answer there: run "claw-remote-install ${where}"`
      : `The login works and its shell does not answer: run ${add} to see`,
}

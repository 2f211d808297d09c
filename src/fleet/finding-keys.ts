import { counted, type Finding, fine, note, problem, warning } from './finding.ts'
import type { Identity } from './identity.ts'
import { idKey } from './parse.ts'
import type { Peer } from './peer.ts'

/** The clan key as it lies there. */
export type ClanKeyFacts = {
  readonly file: string
  /** Fingerprint of the private key, or why it cannot be used. */
  readonly private:
    | { readonly kind: 'usable'; readonly fingerprint: string }
    | { readonly kind: 'missing' }
    | { readonly kind: 'unusable'; readonly message: string; readonly hint: string | undefined }
  /** Fingerprint in the `.pub` file; undefined when it is missing or unreadable. */
  readonly publicFile: string | undefined
  /** What state.json says it is. */
  readonly recorded: string | undefined
  /** Machines that know the recorded one. */
  readonly peers: number
}

/** The key this machine reaches the others with: there, usable, and the one they know. */
export function judgeClanKey(facts: ClanKeyFacts): readonly Finding[] {
  const { file, private: key, publicFile, recorded, peers } = facts
  if (key.kind === 'unusable') {
    return [problem('clan-key', key.message, { next: key.hint ?? 'claw-setup-ssh keygen' })]
  }
  if (key.kind === 'missing') {
    // Nobody knows the lost one, or nobody would: then a new one costs nothing.
    const isFree = recorded === undefined || peers === 0
    const again = isFree
      ? ''
      : ', then claw-setup-ssh add for every machine; a backup of the old one saves that'
    const details = {
      next: `claw-setup-ssh keygen${again}`,
      ...(isFree ? { fix: { kind: 'clan-key' } as const } : {}),
    }
    return [problem('clan-key', `The clan key "${file}" is missing`, details)]
  }
  if (recorded !== undefined && recorded !== key.fingerprint) {
    const message = `The clan key is ${key.fingerprint}, and state.json says ${recorded}`
    return [problem('clan-key', message, { next: 'claw-setup --yes, then claw-setup-ssh check' })]
  }
  if (publicFile !== key.fingerprint) {
    const message = `"${file}.pub" is not the public half of the clan key`
    return [warning('clan-key', message, { next: 'claw-setup-ssh keygen', fix: { kind: 'clan-key' } })]
  }
  return [fine('clan-key', `The clan key ${key.fingerprint} is usable`)]
}

export type PinFacts = {
  readonly file: string
  readonly peers: readonly Pick<Peer, 'gatewayId' | 'hostKey'>[]
  /** Fingerprints pinned, by `idKey`. */
  readonly pins: ReadonlyMap<string, readonly string[]>
  /** Numbers of lines that pin nothing: neither ours nor comments. */
  readonly oddLines: readonly number[]
}

/** Every peer has a pinned host key, and it is the one its record names. */
export function judgePins({ file, peers, pins, oddLines }: PinFacts): readonly Finding[] {
  const pinned = ({ gatewayId }: Pick<Peer, 'gatewayId'>) => pins.get(idKey(gatewayId)) ?? []
  const found = [
    ...peers
      .filter(peer => pinned(peer).length === 0)
      .map(({ gatewayId }) =>
        problem('host-keys', `No host key is pinned for ${gatewayId}, so it is not asked`, {
          next: `claw-setup-ssh trust ${gatewayId}`,
        }),
      ),
    ...peers.flatMap(peer => {
      const { gatewayId, hostKey } = peer
      if (hostKey === undefined || pinned(peer).length === 0 || pinned(peer).includes(hostKey)) return []
      const message = `The host key pinned for ${gatewayId} is ${pinned(peer).join(', ')}, its record says ${hostKey}`
      return [warning('host-keys', message, { next: `claw-setup-ssh trust ${gatewayId}` })]
    }),
    ...(oddLines.length === 0
      ? []
      : [
          note(
            'host-keys',
            `${counted(oddLines.length, 'line')} of "${file}" ${oddLines.length === 1 ? 'pins' : 'pin'} nothing`,
            {
              next: `look at line ${oddLines.slice(0, 5).join(', ')}`,
            },
          ),
        ]),
  ]
  return found.length === 0 ? [fine('host-keys', `${counted(peers.length, 'host key')} pinned`)] : found
}

export type IdentityFacts = {
  /** Undefined when state.json does not read. */
  readonly self: Identity | undefined
  readonly trouble: { readonly message: string; readonly hint: string | undefined } | undefined
  /** identity.json, which the gate shows to others, beside what it should say. */
  readonly publicFile: { readonly path: string; readonly state: 'same' | 'different' | 'missing' }
}

/** This machine knows who it is, and its gate tells others the same. */
export function judgeIdentity({ self, trouble, publicFile }: IdentityFacts): readonly Finding[] {
  if (self === undefined) {
    const message = trouble?.message ?? 'This machine has no identity'
    return [problem('identity', message, { next: trouble?.hint ?? 'claw-setup' })]
  }
  const details = { next: 'claw-doctor --fix', fix: { kind: 'identity' } } as const
  if (publicFile.state === 'missing') {
    return [problem('identity', `"${publicFile.path}" is missing, so no machine is answered`, details)]
  }
  if (publicFile.state === 'different') {
    return [warning('identity', `"${publicFile.path}" says something else than state.json`, details)]
  }
  return [fine('identity', `This machine is ${self.gatewayId}, lead number ${self.leadNumber}`)]
}

import { counted, type Finding, fine, listed, problem, shellWord, warning } from './finding.ts'
import type { FoundGrant } from './grants.ts'
import { idKey } from './parse.ts'
import type { Peer } from './peer.ts'

/** What our own sshd did when it was asked on this machine. */
export type SshdFacts = {
  readonly port: number
  readonly answer:
    | { readonly kind: 'answered'; readonly fingerprint: string }
    | { readonly kind: 'failed'; readonly message: string }
  /** Somebody wants to reach us. */
  readonly isNeeded: boolean
  readonly platform: string
}

/** The other machines can log in here at all. */
export function judgeSshd({ port, answer, isNeeded, platform }: SshdFacts): readonly Finding[] {
  if (answer.kind === 'answered') {
    return [fine('sshd', `sshd answers on port ${port} with host key ${answer.fingerprint}`)]
  }
  const next =
    platform === 'darwin'
      ? 'switch on System Settings > General > Sharing > Remote Login'
      : 'sudo systemctl enable --now ssh'
  const message = `sshd does not answer here on port ${port}, so no machine can reach this one: ${answer.message}`
  return [(isNeeded ? problem : warning)('sshd', message, { next })]
}

export type GrantFacts = {
  readonly file: string
  /** Absolute path of our gate, and whether it can be started. */
  readonly gate: { readonly path: string; readonly isRunnable: boolean }
  readonly grants: readonly (FoundGrant & { readonly fingerprint: string })[]
  readonly peers: readonly Pick<
    Peer,
    'gatewayId' | 'clanKey' | 'oneWay' | 'legacyKey' | 'sshUser' | 'ip' | 'sshPort'
  >[]
  /** Ids of peers whose record does not read; they are enrolled all the same. */
  readonly unread: readonly string[]
}

/** Every peer that should reach us may, by the gate of this home and nothing else. */
export function judgeGrants({ file, gate, grants, peers, unread }: GrantFacts): readonly Finding[] {
  const expected = peers.filter(
    ({ clanKey, oneWay, legacyKey }) => clanKey !== undefined && !oneWay && !legacyKey,
  )
  const enrolled = new Set([...peers.map(({ gatewayId }) => gatewayId), ...unread].map(idKey))
  const found = [
    ...(gate.isRunnable || expected.length === 0
      ? []
      : [
          problem('gate', `The gate "${gate.path}" cannot be started, so no machine is answered`, {
            next: 'claw-setup --yes',
            fix: { kind: 'programs' },
          }),
        ]),
    ...expected.flatMap(peer => grantTrouble(peer, grants, gate.path, file)),
    ...grants
      .filter(({ gatewayId }) => !enrolled.has(idKey(gatewayId)))
      .map(({ gatewayId }) =>
        warning('authorized-keys', `"${file}" lets in ${gatewayId}, which is not enrolled`, {
          next: `claw-setup-ssh forget ${gatewayId}`,
        }),
      ),
  ]
  return found.length === 0
    ? [fine('authorized-keys', `${counted(grants.length, 'machine')} may reach this one's gate`)]
    : found
}

function grantTrouble(
  peer: GrantFacts['peers'][number],
  grants: GrantFacts['grants'],
  gate: string,
  file: string,
): readonly Finding[] {
  const { gatewayId, clanKey, sshUser, ip, sshPort } = peer
  const next = `claw-setup-ssh add ${sshUser} ${ip}${sshPort === 22 ? '' : ` --port ${sshPort}`}`
  const own = grants.filter(grant => idKey(grant.gatewayId) === idKey(gatewayId))
  if (own.length === 0) {
    return [
      warning('authorized-keys', `${gatewayId} cannot reach this machine: its key is not in "${file}"`, {
        next,
      }),
    ]
  }
  if (!own.some(({ fingerprint }) => fingerprint === clanKey)) {
    const message = `"${file}" has another key for ${gatewayId} than its record, ${clanKey}`
    return [warning('authorized-keys', message, { next })]
  }
  const isOurGate = own.some(
    ({ command }) => command === gate || command === `'${gate.replaceAll("'", "'\\''")}'`,
  )
  return isOurGate
    ? []
    : [warning('authorized-keys', `"${file}" starts another gate for ${gatewayId} than "${gate}"`, { next })]
}

/** A file or folder on the way to authorized_keys. */
export type KeyPath = { readonly path: string; readonly mode: number; readonly uid: number }

/** sshd ignores keys that others could have written: StrictModes, its default; some systems allow a private group. */
export function judgeKeyPaths(paths: readonly KeyPath[], uid: number): readonly Finding[] {
  const open = paths.filter(({ mode }) => (mode & 0o022) !== 0).map(({ path }) => path)
  const foreign = paths.filter(path => path.uid !== uid && path.uid !== 0).map(({ path }) => path)
  const found = [
    ...(open.length === 0
      ? []
      : [
          warning(
            'strict-modes',
            `sshd may ignore your authorized_keys: others can write to ${listed(open)}`,
            {
              next: `chmod go-w ${open.map(shellWord).join(' ')}`,
            },
          ),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          problem(
            'strict-modes',
            `sshd ignores your authorized_keys: ${listed(foreign)} belongs to another user`,
            {
              next: `sudo chown ${uid} ${foreign.map(shellWord).join(' ')}`,
            },
          ),
        ]),
  ]
  return found.length === 0 ? [fine('strict-modes', 'sshd can trust your authorized_keys')] : found
}

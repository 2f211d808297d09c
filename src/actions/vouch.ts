import { ClawError } from '../fleet/error.ts'
import { type PublicKey, sameKey } from '../fleet/public-key.ts'

export type VouchDeps = {
  /** The key an sshd shows; of one type when asked so. */
  readonly offeredHostKey: (host: string, port: number, type?: string) => Promise<PublicKey>
  /** What the user's own known_hosts says of this address. */
  readonly knownHostKeys: (host: string, port: number) => Promise<readonly PublicKey[]>
  readonly fingerprint: (key: PublicKey) => string
  /** Asks a person; absent when there is none to ask. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined
}

/** How the owner said which key to believe. */
export type Vouching = {
  /** `SHA256:...` as `--host-key` gives it. */
  readonly hostKey?: string | undefined
  /** `--accept-new-host-key`: believe what a machine never met before shows. */
  readonly acceptNew?: boolean | undefined
}

export type Vouched = {
  readonly key: PublicKey
  readonly by: 'pinned' | '--host-key' | 'known_hosts' | '--accept-new-host-key' | 'confirmed'
}

export type VouchRequest = Vouching & {
  readonly host: string
  readonly port: number
  /** Keys pinned for this machine at its enrolment; empty for a new one. */
  readonly pinned: readonly PublicKey[]
  /** The enrolled machine they are pinned for, for messages. */
  readonly gatewayId?: string | undefined
  /** Let a vouched key take the place of a pinned one. */
  readonly mayReplace?: boolean
}

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/

/**
 * Find the host key to believe at an address, or stop: nobody is talked to before this.
 *
 * In this order: the key pinned at enrolment; the one `--host-key` names; the one in the user's known_hosts;
 * any of a machine without a pin, with `--accept-new-host-key`; the one a person confirms.
 *
 * @throws {ClawError} `host-key-changed` with both fingerprints for another key than the pinned or known one;
 *   `host-key-unknown` naming both flags when nobody vouches; what `offeredHostKey` throws
 */
export async function vouchedHostKey(deps: VouchDeps, request: VouchRequest): Promise<Vouched> {
  const { host, port, hostKey, pinned, mayReplace = false } = request
  if (hostKey !== undefined && !FINGERPRINT.test(hostKey)) {
    throw new ClawError(
      'bad-input',
      `Cannot use "${hostKey}" for --host-key: it must be "SHA256:" and 43 characters`,
      {
        hint: 'On the machine itself, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" prints it',
      },
    )
  }
  const [pin] = pinned
  if (pin !== undefined) {
    const offered = await offeredLike(deps, request, pin)
    if (pinned.some(key => sameKey(key, offered))) {
      // A flag that names none of its keys is a mistake worth stopping for, also where a pin would do.
      if (hostKey !== undefined) await namedKey(deps, request, hostKey)
      return { key: offered, by: 'pinned' }
    }
    if (!mayReplace) throw changed(deps, request, { was: pin, offered, where: 'pinned' })
  }
  if (hostKey !== undefined) return { key: await namedKey(deps, request, hostKey), by: '--host-key' }
  const known = await deps.knownHostKeys(host, port)
  return known.length > 0 ? inKnownHosts(deps, request, known) : newKey(deps, request)
}

/** The key of the same type as one we know; of any type when that one is no longer offered. */
async function offeredLike(
  deps: VouchDeps,
  { host, port }: VouchRequest,
  like: PublicKey,
): Promise<PublicKey> {
  try {
    return await deps.offeredHostKey(host, port, like.type)
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'ssh-failed') throw error
    return deps.offeredHostKey(host, port)
  }
}

async function namedKey(deps: VouchDeps, { host, port }: VouchRequest, named: string): Promise<PublicKey> {
  const first = await deps.offeredHostKey(host, port)
  const offered = [first]
  // A machine has a key of each type; the owner may have read out another than the one shown first.
  for (const type of ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']) {
    const match = offered.find(key => deps.fingerprint(key) === named)
    if (match !== undefined) return match
    const next =
      type === first.type ? undefined : await deps.offeredHostKey(host, port, type).catch(nothingOfThisType)
    if (next !== undefined) offered.push(next)
  }
  const match = offered.find(key => deps.fingerprint(key) === named)
  if (match !== undefined) return match
  const shown = offered.map(key => `${deps.fingerprint(key)} (${key.type})`).join(', ')
  throw new ClawError(
    'host-key-changed',
    `Cannot trust "${host}:${port}": it shows ${shown}, not the ${named} of --host-key`,
    {
      hint: 'Read the fingerprint again on the machine itself; if it is right, another machine answers at this address',
    },
  )
}

function nothingOfThisType(error: unknown): undefined {
  if (error instanceof ClawError) return undefined
  throw error
}

async function inKnownHosts(
  deps: VouchDeps,
  request: VouchRequest,
  known: readonly PublicKey[],
): Promise<Vouched> {
  const [first] = known
  const offered = first === undefined ? undefined : await offeredLike(deps, request, first)
  if (first === undefined || offered === undefined) return newKey(deps, request)
  if (known.some(key => sameKey(key, offered))) return { key: offered, by: 'known_hosts' }
  throw changed(deps, request, {
    was: known.find(key => key.type === offered.type) ?? first,
    offered,
    where: 'in your known_hosts',
  })
}

async function newKey(deps: VouchDeps, { host, port, acceptNew, pinned }: VouchRequest): Promise<Vouched> {
  const key = await deps.offeredHostKey(host, port)
  const [pin] = pinned
  if (acceptNew && pin === undefined) return { key, by: '--accept-new-host-key' }
  const shown = `${deps.fingerprint(key)} (${key.type})`
  const instead = pin === undefined ? '' : `, instead of the pinned ${deps.fingerprint(pin)}`
  const question = `"${host}:${port}" shows the host key ${shown}${instead}. Compare it with the machine's own screen. Trust it?`
  if (await deps.confirm?.(question)) return { key, by: 'confirmed' }
  const unseen = pin === undefined ? '; to believe it unseen, add "--accept-new-host-key"' : ''
  throw new ClawError(
    'host-key-unknown',
    `Cannot trust "${host}:${port}" yet: nobody vouched for its host key ${shown}${instead}`,
    {
      hint: `If that is the fingerprint the machine itself shows, add "--host-key ${deps.fingerprint(key)}"${unseen}`,
    },
  )
}

function changed(
  { fingerprint }: VouchDeps,
  { host, port, gatewayId }: VouchRequest,
  { was, offered, where }: { readonly was: PublicKey; readonly offered: PublicKey; readonly where: string },
): ClawError {
  const hint =
    where === 'pinned'
      ? `If "${gatewayId}" was reinstalled, compare the fingerprint on its screen and run "claw-setup-ssh trust ${gatewayId} --host-key ${fingerprint(offered)}"; if another machine has this address now, name that one's id behind its name`
      : `If the machine was reinstalled, run "ssh-keygen -R ${port === 22 ? host : `[${host}]:${port}`}", or give the new fingerprint with --host-key`
  return new ClawError(
    'host-key-changed',
    `Cannot trust "${host}:${port}": it shows the host key ${fingerprint(offered)}, and ${fingerprint(was)} is ${where}; nothing was sent`,
    { hint },
  )
}

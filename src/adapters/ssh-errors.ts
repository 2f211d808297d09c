import { ClawError, type ErrorCode } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'
import { fingerprint, type PinnedKey } from './known-hosts.ts'

/** How far a connection has come; each wait that never ends has its own meaning. */
export type Stage = 'connect' | 'handshake' | 'login' | 'command'

/** Where a message says the trouble is; host and port as the owner knows them. */
export type Place = { readonly host: string; readonly port: number; readonly user?: string }

/** Code of a socket error to ours; everything about our own side is `no-network` and blames nobody. */
const SOCKET_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'ssh-refused',
  EHOSTUNREACH: 'host-unreachable',
  EHOSTDOWN: 'host-unreachable',
  ETIMEDOUT: 'host-unreachable',
  ENOTFOUND: 'host-unreachable',
  ENETUNREACH: 'no-network',
  ENETDOWN: 'no-network',
  EADDRNOTAVAIL: 'no-network',
  // The resolver itself did not answer; a local firewall refused; we are out of descriptors or ports.
  EAI_AGAIN: 'no-network',
  EPERM: 'no-network',
  EACCES: 'no-network',
  EMFILE: 'no-network',
  ENFILE: 'no-network',
  EADDRINUSE: 'no-network',
  EAFNOSUPPORT: 'no-network',
  ENOBUFS: 'no-network',
}

/** `user@host:port`, or without the user; IPv6 addresses in brackets. */
export function placeName({ host, port, user }: Place): string {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return user === undefined ? address : `${user}@${address}`
}

/** Translate an error of the socket or of the SSH library, given how far the connection had come. */
export function sshError(error: Error, stage: Stage, place: Place): ClawError {
  const code = 'code' in error ? error.code : undefined
  const level = 'level' in error ? error.level : undefined
  if (level === 'client-authentication') return authDenied(place, error)
  if (level === 'client-timeout') {
    return new ClawError('ssh-timeout', `Cannot keep SSH to "${placeName(place)}": it stopped answering`, {
      cause: error,
    })
  }
  // A reset can be quicker than the news that we are connected.
  if ((stage === 'connect' || stage === 'handshake') && isClosed(error, code))
    return closedEarly(stage, place, error)
  if (stage === 'connect') return connectError(error, place)
  // Code 14 of RFC 4253 section 11.1: no more authentication methods available.
  if (stage === 'login' && code === 14) return authDenied(place, error)
  const doing = stage === 'command' ? 'finish a command on' : 'log in to'
  return new ClawError('ssh-failed', `Cannot ${doing} "${placeName(place)}": ${quoteValue(error.message)}`, {
    cause: error,
  })
}

/** The other side closed the connection, orderly or not, before it had done its part. */
export function closedEarly(stage: Stage, place: Place, cause?: Error): ClawError {
  const where = placeName(place)
  if (stage === 'connect' || stage === 'handshake') {
    return new ClawError(
      'ssh-busy',
      `Cannot finish SSH to "${where}": it closed the connection before the handshake`,
      {
        hint: 'Its sshd may be at its MaxStartups limit; try again in a few seconds',
        cause,
      },
    )
  }
  const before = stage === 'login' ? 'the login was done' : 'the command ended'
  return new ClawError(
    'ssh-failed',
    `Cannot finish SSH to "${where}": it closed the connection before ${before}`,
    {
      cause,
    },
  )
}

/** The deadline passed; without an answer to our SYN the host is as good as absent, with one its sshd is what hangs. */
export function tooSlow(stage: Stage, place: Place, timeoutMs: number): ClawError {
  const where = placeName(place)
  if (stage === 'connect') {
    return new ClawError('host-unreachable', `Cannot reach "${where}" within ${timeoutMs} ms: no answer`)
  }
  const missing = {
    handshake: 'it took the connection and no SSH handshake followed',
    login: 'the login did not finish',
    command: 'logged in, but the command did not finish',
  }[stage]
  return new ClawError('ssh-timeout', `Cannot finish SSH to "${where}" within ${timeoutMs} ms: ${missing}`)
}

/** The host shows a key that is none of the pinned ones; undefined when it cannot even be asked which. */
export function hostKeyChanged(
  place: Place,
  pins: readonly PinnedKey[],
  offered: Buffer | undefined,
): ClawError {
  const shown = offered === undefined ? 'of another type than the pinned one' : fingerprint(offered)
  const pinned = pins.map(pin => fingerprint(pin.blob)).join(' or ')
  return new ClawError(
    'host-key-changed',
    `Cannot trust "${placeName(place)}": its host key is ${shown}, pinned is ${pinned}`,
    {
      hint: 'If the machine was reinstalled, compare the new fingerprint on it, then run "claw-setup-ssh trust ID"',
    },
  )
}

/** Nobody vouched for this host, so nothing is sent to it. */
export const hostKeyUnknown = (place: Place): ClawError =>
  new ClawError('host-key-unknown', `Cannot trust "${placeName(place)}": no host key is pinned for it`, {
    hint: 'Pin it with "claw-setup-ssh trust ID" after comparing the fingerprint',
  })

function authDenied(place: Place, cause: Error): ClawError {
  return new ClawError('auth-denied', `Cannot log in to "${placeName(place)}": it does not accept this key`, {
    hint: 'Run "claw-setup-ssh add" for it again, or look into its authorized_keys',
    cause,
  })
}

function connectError(error: Error, place: Place): ClawError {
  // A name with several addresses fails with one error each; one from the other side says more than one from ours.
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  const codes = errors.map(codeOf)
  const code = codes.find(each => SOCKET_ERRORS[each] !== 'no-network') ?? codes[0] ?? ''
  const ours = SOCKET_ERRORS[code] ?? 'ssh-failed'
  const why =
    ours === 'ssh-refused'
      ? 'nothing listens there'
      : ours === 'no-network'
        ? `our own network cannot (${code})`
        : code
  const hint = CONNECT_HINTS[ours]
  return new ClawError(ours, `Cannot reach "${placeName(place)}": ${why || quoteValue(error.message)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

const CONNECT_HINTS: Partial<Record<ErrorCode, string>> = {
  'host-unreachable': 'Check that it is switched on and in the same network, and that the address is right',
  'ssh-refused':
    'Switch SSH on there (Mac: System Settings > General > Sharing > Remote Login), or name its port with --port',
  'no-network': "Check this machine's own network connection",
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

function isClosed(error: Error, code: unknown): boolean {
  const isReset = code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED'
  return isReset || error.message === 'Connection lost before handshake'
}

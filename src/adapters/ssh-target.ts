import type { Readable, Writable } from 'node:stream'
import type { PinnedKey } from './known-hosts.ts'
import type { RemoteEnd } from './ssh-channel.ts'

/** One login: where, as whom, with which key, and which host keys are believed there. */
export type SshTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Text of a private key file without passphrase. */
  readonly privateKey: Buffer
  readonly pins: readonly PinnedKey[]
}

export type RunOptions = {
  /** Bound on connect, login, command and answer together, in milliseconds. */
  readonly timeoutMs: number
  readonly stdin?: string | Buffer
  /** Bound on stdout and on stderr, each, in bytes; more is `bad-answer`. 1 MiB when absent. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

export type OpenOptions = {
  /** Bound on connect, login and start of the command together, in milliseconds. */
  readonly timeoutMs: number
  /** Silence after which the other side is asked; three unanswered questions end the channel. 15 s when absent. */
  readonly keepAliveMs?: number
  readonly signal?: AbortSignal
}

/** A command that goes on running on the other machine. */
export type SshChannel = {
  /** A write that cannot be made fails in its own callback; there is no unhandled error event. */
  readonly stdin: Writable
  /** Ends when the command or the connection does. */
  readonly stdout: Readable
  readonly stderr: Readable
  /** Settles when it is over; never rejects. */
  readonly closed: Promise<RemoteEnd>
  /** End the connection at once; twice is the same as once. */
  readonly close: () => void
}

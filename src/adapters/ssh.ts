import type { Readable, Writable } from 'node:stream'
import type { PinnedKey } from './known-hosts.ts'

/** One login: where, as whom, with which key, and which host keys are believed there. */
export type SshTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly privateKey: Buffer
  readonly pins: readonly PinnedKey[]
}

export type RunOptions = {
  /** Bound on connect, login, command and answer together, in milliseconds. */
  readonly timeoutMs: number
  readonly stdin?: string | Buffer
  /** Bound on stdout and on stderr, each; more is `bad-answer`. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

export type RemoteResult = {
  readonly stdout: string
  readonly stderr: string
  /** Null when the command was ended by a signal, or the server did not say. */
  readonly code: number | null
}

/** A command that goes on running on the other machine. */
export type SshChannel = {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Settles, never rejects: why it ended is undefined when the command simply ended. */
  readonly closed: Promise<{ readonly code: number | null; readonly error: Error | undefined }>
  readonly close: () => void
}

export type OpenOptions = {
  /** Bound on connect, login and start of the command together, in milliseconds. */
  readonly timeoutMs: number
  /** Silence after which the other side is asked; three unanswered questions end the channel. */
  readonly keepAliveMs?: number
  readonly signal?: AbortSignal
}

export async function runOverSsh(
  _target: SshTarget,
  _command: string,
  _options: RunOptions,
): Promise<RemoteResult> {
  throw new Error('not written yet')
}

export async function openOverSsh(
  _target: SshTarget,
  _command: string,
  _options: OpenOptions,
): Promise<SshChannel> {
  throw new Error('not written yet')
}

export async function offeredHostKey(
  _host: string,
  _port: number,
  _options: { readonly timeoutMs: number; readonly type?: string; readonly signal?: AbortSignal },
): Promise<PinnedKey> {
  throw new Error('not written yet')
}

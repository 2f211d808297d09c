import type { ConnectConfig, KexAlgorithm, ParsedKey, PublicKeyAuthMethod } from 'ssh2'
import Client from 'ssh2/lib/client.js'
import keyParser from 'ssh2/lib/protocol/keyParser.js'
import { ClawError } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'
import { type PinnedKey, pinnedKey } from './known-hosts.ts'
import { collectResult, guardedInput, type RawChannel, type RemoteResult, remoteEnd } from './ssh-channel.ts'
import { hostKeyChanged, hostKeyUnknown, sshError } from './ssh-errors.ts'
import { type Link, openLink } from './ssh-link.ts'
import type { OpenOptions, RunOptions, SshChannel, SshTarget } from './ssh-target.ts'
import { type HostKeyAlgorithm, type HostKeyCheck, hostKeyAlgorithms, pinCheck } from './ssh-trust.ts'

export type { RemoteEnd, RemoteResult } from './ssh-channel.ts'
export type { OpenOptions, RunOptions, SshChannel, SshTarget } from './ssh-target.ts'

/** A server's greeting, key exchange and banner are far smaller; OpenSSH needs 3 KiB. */
const MAX_LOGIN_BYTES = 256 * 1024
const MAX_OUTPUT_BYTES = 1024 * 1024
const KEEP_ALIVE_MS = 15_000

// curve25519 costs a tenth of the larger groups; those are for servers that have nothing else.
const KEY_EXCHANGES: KexAlgorithm[] = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
]

/**
 * Run one command on one host and collect its output.
 *
 * A command that runs and exits non-zero is a result, not an error: callers decide what a code means.
 *
 * @param command  passed to the remote login shell as is; quote values with `shellQuote`
 * @throws {ClawError} before anything is sent: `host-key-unknown`, `bad-key`; then `host-unreachable`, `no-network`,
 *   `ssh-refused`, `ssh-busy`, `ssh-timeout`, `auth-denied`, `host-key-changed`, `ssh-failed`; `bad-answer` for too
 *   much output. An aborted `signal` throws its reason
 * @see RFC 4254 section 6.5 for exec requests and 6.10 for exit codes
 */
export async function runOverSsh(
  target: SshTarget,
  command: string,
  options: RunOptions,
): Promise<RemoteResult> {
  const maxBytes = options.maxBytes ?? MAX_OUTPUT_BYTES
  const { link, start } = login(target, { ...options, maxBytes: MAX_LOGIN_BYTES + 4 * maxBytes })
  const collect = { place: target, stdin: options.stdin, maxBytes, isDown: link.isDown }
  try {
    return await Promise.race([link.failed, start(command, channel => collectResult(channel, collect))])
  } finally {
    link.release()
  }
}

/**
 * Start one command on one host and keep its input and output open.
 *
 * @throws {ClawError} the codes of `runOverSsh`, until the command has started
 */
export async function openOverSsh(
  target: SshTarget,
  command: string,
  options: OpenOptions,
): Promise<SshChannel> {
  const { keepAliveMs = KEEP_ALIVE_MS } = options
  const { link, start } = login(target, { ...options, maxBytes: Number.POSITIVE_INFINITY, keepAliveMs })
  const opened = start(command, async channel => {
    const stdin = guardedInput(channel)
    const closed = remoteEnd(channel, link, target).finally(() => {
      stdin.destroy()
      link.release()
    })
    return { stdin, stdout: channel, stderr: channel.stderr, closed, close: link.release }
  })
  const channel = await Promise.race([link.failed, opened])
  link.openEnded()
  return channel
}

/**
 * Which host key a server shows, and proves to hold: the handshake alone, without user name, credentials or command.
 *
 * @param type  ask for this type only; the best one it has when absent, ed25519 first
 * @throws {ClawError} the connection codes of `runOverSsh`; `ssh-failed` when it has no key of that type
 */
export async function offeredHostKey(
  host: string,
  port: number,
  options: { readonly timeoutMs: number; readonly type?: string; readonly signal?: AbortSignal },
): Promise<PinnedKey> {
  const place = { host, port }
  const serverHostKey = hostKeyAlgorithms(options.type === undefined ? undefined : [options.type])
  if (serverHostKey.length === 0) {
    throw new ClawError(
      'bad-input',
      `Cannot ask for a host key of type ${quoteValue(options.type)}: nobody knows it here`,
    )
  }
  const link = openLink(place, { ...options, maxLoginBytes: MAX_LOGIN_BYTES, maxBytes: MAX_LOGIN_BYTES })
  const { promise, resolve } = Promise.withResolvers<PinnedKey>()
  let shown: Buffer | undefined
  const offer = {
    username: '',
    authHandler: [],
    serverHostKey,
    check: (blob: Buffer) => {
      shown = blob
      return true
    },
  }
  const client = new Client().on('error', error => link.fail(sshError(error, link.stage(), place)))
  // The signature has been checked; the library would now ask for a login, which a closed socket keeps back.
  client.on('handshake', () => {
    link.reach('login')
    if (shown !== undefined) resolve(pinnedKey(shown))
    link.release()
  })
  begin(client, link, offer)
  return Promise.race([promise, link.failed]).finally(link.release)
}

/** Can this private key be used to log in? @throws {ClawError} `bad-key` when not: damaged, encrypted, no private key */
export const checkPrivateKey = (text: Buffer): void => void usableKey(text)

type LoginBounds = {
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly keepAliveMs?: number
  readonly signal?: AbortSignal
}

type Login = {
  readonly link: Link
  /** Start a command as soon as the login is done; what `use` returns is the result. */
  readonly start: <T>(command: string, use: (channel: RawChannel) => Promise<T>) => Promise<T>
}

function login(target: SshTarget, bounds: LoginBounds): Login {
  const serverHostKey = hostKeyAlgorithms(target.pins.map(pin => pin.type))
  if (serverHostKey.length === 0) throw hostKeyUnknown(target)
  const key = usableKey(target.privateKey)
  const once: PublicKeyAuthMethod = { type: 'publickey', username: target.user, key }
  const link = openLink(target, { ...bounds, maxLoginBytes: MAX_LOGIN_BYTES })
  const client = new Client()
  client.on('handshake', () => link.reach('login'))
  client.on('error', error => {
    if (isTypeMissing(error)) link.failSoon(lookAgain(target, link, bounds.timeoutMs))
    else link.fail(sshError(error, link.stage(), target))
  })
  begin(client, link, {
    username: target.user,
    authHandler: [once],
    serverHostKey,
    check: pinCheck(target, target.pins, link.fail),
    keepaliveInterval: bounds.keepAliveMs ?? 0,
  })
  const start: Login['start'] = (command, use) =>
    new Promise((resolve, reject) => {
      client.once('ready', () => {
        link.reach('command')
        const stop = sendAcksAtOnce(client, link)
        client.exec(command, (error, channel) => {
          stop()
          if (error === undefined) resolve(use(channel))
          else reject(sshError(error, 'command', target))
        })
      })
    })
  return { link, start }
}

/**
 * Until sshd starts the command it has Nagle's algorithm on and holds its next packet back for our delayed ACK, 40 ms.
 * A packet of ours carries that ACK: here the promise to open no further session, which is true and wants no reply.
 * Servers other than OpenSSH are not sent it.
 *
 * @returns ends it
 */
function sendAcksAtOnce(client: Client, { socket }: Link): () => void {
  const promise = () => {
    // Without a callback no reply is asked for; its types demand one.
    if (socket.writable) Reflect.apply(client.openssh_noMoreSessions, client, [])
  }
  socket.on('data', promise)
  return () => socket.off('data', promise)
}

type Offer = Pick<ConnectConfig, 'username' | 'authHandler' | 'keepaliveInterval'> & {
  readonly serverHostKey: HostKeyAlgorithm[]
  readonly check: HostKeyCheck
}

/** The only place that makes the library connect: there is no way around a host key check. */
function begin(client: Client, link: Link, { serverHostKey, check, ...offer }: Offer): void {
  const algorithms = { kex: KEY_EXCHANGES, serverHostKey }
  // Its own timeout ends with the login; ours goes on to the last byte of the answer.
  client.connect({ ...offer, sock: link.socket, readyTimeout: 0, algorithms, hostVerifier: check })
  ignoreHostKeyList(client)
  link.countBytes()
}

/**
 * After the login OpenSSH lists all its host keys. The library would have it prove each of them, which costs the peer
 * a signature per key (a fifth of the time of a ping), and would drop the connection over a type it does not know.
 * Its setting for that does not exist, so its handler is replaced by the answer it gives to any other request.
 */
function ignoreHostKeyList(client: Client): void {
  const handlers: unknown = Reflect.get(Object(Reflect.get(client, '_protocol')), '_handlers')
  const refuse = (protocol: { requestFailure: () => void }, _name: string, wantsReply: boolean) => {
    if (wantsReply) protocol.requestFailure()
  }
  Object.assign(Object(handlers), { GLOBAL_REQUEST: refuse })
}

const isTypeMissing = (error: Error): boolean =>
  error.message === 'Handshake failed: no matching host key format'

/** The server has no key of a pinned type any more: ask which one it has, for the message. */
async function lookAgain(
  { host, port, user, pins }: SshTarget,
  link: Link,
  timeoutMs: number,
): Promise<ClawError> {
  const stop = new AbortController()
  link.failed.catch(() => stop.abort())
  const offered = await offeredHostKey(host, port, { timeoutMs, signal: stop.signal }).catch(() => undefined)
  return hostKeyChanged({ host, port, user }, pins, offered?.blob)
}

const parsedKeys = new WeakMap<Buffer, ParsedKey>()

/** Parse a private key once for all peers of a round. */
function usableKey(text: Buffer): ParsedKey {
  const known = parsedKeys.get(text)
  if (known !== undefined) return known
  const parsed = keyParser.parseKey(text)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) {
    const why = key instanceof Error ? key.message : 'it is no private key'
    throw new ClawError('bad-key', `Cannot log in with our own key: ${quoteValue(why)}`, {
      hint: 'Run "claw-setup-ssh check"; a key with a passphrase cannot be used unattended',
    })
  }
  parsedKeys.set(text, key)
  return key
}

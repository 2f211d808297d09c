import { ClawError } from '../fleet/error.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import { type Hello, requestLine } from '../fleet/peer-protocol.ts'
import { systemClock } from './clock.ts'
import { type Body, readPeer } from './peer-reader.ts'
import { openOverSsh, type SshTarget } from './ssh.ts'
import { placeName } from './ssh-errors.ts'

export type PeerChannelOptions = {
  /** Bound on connect, login and hello together, in milliseconds. */
  readonly timeoutMs: number
  /** The peer we mean; another machine's hello ends the channel. */
  readonly expected: GatewayId
  /** Silence after which the other side is asked if it still lives, in milliseconds; 15 s when absent. */
  readonly keepAliveMs?: number
  readonly signal?: AbortSignal
}

/** One connection to a peer's `claw-peer serve`: many requests, each with its own answer. */
export type PeerChannel = AsyncDisposable & {
  readonly hello: Hello
  /**
   * Ask one thing. Several may be under way; the peer does them in order.
   *
   * @returns the answer without its `id` and `ok`
   * @throws {ClawError} `peer-refused` with the peer's words; `timeout`; `bad-answer`; `ssh-failed` or `ssh-timeout`
   *   when the connection ends first; `bad-input` for a request of more than 64 KiB
   */
  readonly request: (
    verb: string,
    params: Readonly<Record<string, unknown>>,
    bounds: { readonly timeoutMs: number },
  ) => Promise<Body>
  /** End the connection at once; twice is the same as once. */
  readonly close: () => void
}

/**
 * Log in and begin to talk to a peer's gate. What its login shell prints first is skipped, up to 64 KiB.
 *
 * @throws {ClawError} the codes of `runOverSsh`; `bad-answer` when no hello comes, or another machine's does
 */
export async function openPeerChannel(target: SshTarget, options: PeerChannelOptions): Promise<PeerChannel> {
  const { timeoutMs, expected } = options
  const where = placeName(target)
  const startedAt = systemClock.monotonicMs()
  const channel = await openOverSsh(target, 'serve', options)
  const reader = readPeer(channel, where)
  try {
    const leftMs = Math.max(1, timeoutMs - (systemClock.monotonicMs() - startedAt))
    const late = () =>
      new ClawError('ssh-timeout', `Cannot talk to "${where}" within ${timeoutMs} ms: no hello came`)
    const hello = await bounded(reader.hello, leftMs, late)
    if (idKey(hello.gatewayId) !== idKey(expected)) {
      throw new ClawError(
        'bad-answer',
        `Cannot talk to "${expected}": the machine at "${where}" is "${hello.gatewayId}"`,
      )
    }
    let lastId = 0
    return {
      hello,
      request: async (verb, params, bounds) => {
        lastId += 1
        const text = requestLine({ id: lastId, verb, params })
        const late = () =>
          new ClawError('timeout', `Cannot finish "${verb}" on "${where}" within ${bounds.timeoutMs} ms`)
        const answer = reader.expect(lastId)
        channel.stdin.write(text)
        return bounded(answer.body, bounds.timeoutMs, late).finally(answer.forget)
      },
      close: channel.close,
      [Symbol.asyncDispose]: async () => {
        channel.close()
        await channel.closed
      },
    }
  } catch (error) {
    channel.close()
    throw error
  }
}

async function bounded<T>(work: Promise<T>, ms: number, late: () => ClawError): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late()), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

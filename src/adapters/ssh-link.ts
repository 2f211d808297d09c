import { connect, type Socket } from 'node:net'
import { ClawError } from '../fleet/error.ts'
import { closedEarly, type Place, placeName, type Stage, tooSlow } from './ssh-errors.ts'

/** What one connection may cost at most. */
export type LinkBounds = {
  /** From now until `openEnded` is called, in milliseconds. */
  readonly timeoutMs: number
  /** Bytes the other side may send: greeting, key exchange and banner; and everything, over the whole connection. */
  readonly maxLoginBytes: number
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
}

/**
 * One TCP connection and everything that can end it. The SSH library tells it what happens; the first failure
 * wins, closes the socket and is what everybody waiting is told.
 */
export type Link = {
  readonly socket: Socket
  /** How far we are; moved on by whoever drives the protocol. */
  readonly stage: () => Stage
  readonly reach: (stage: Stage) => void
  readonly fail: (error: unknown) => void
  /** What went wrong is clear and its words are being looked up: an end of the connection is no news any more. */
  readonly failSoon: (error: Promise<unknown>) => void
  /** Never resolves; rejects with the first failure. Nobody has to listen. */
  readonly failed: Promise<never>
  /** True once the connection is gone, whoever ended it. */
  readonly isDown: () => boolean
  /** Count what arrives. Only once the library reads the socket: an earlier listener would swallow the first bytes. */
  readonly countBytes: () => void
  /** The deadline has been met: from here on the connection lives until it is released or fails. */
  readonly openEnded: () => void
  /** Close at once and stop every timer; twice is the same as once. */
  readonly release: () => void
}

/** Begin to connect; without Nagle's algorithm, which costs an SSH login four delayed acknowledgements of 40 ms. */
export function openLink(place: Place, { timeoutMs, maxLoginBytes, maxBytes, signal }: LinkBounds): Link {
  signal?.throwIfAborted()
  const socket = connect({ host: place.host, port: place.port, noDelay: true })
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  let stage: Stage = 'connect'
  let isDown = false
  let isDecided = false

  const release = () => {
    clearTimeout(deadline)
    signal?.removeEventListener('abort', abort)
    socket.destroy()
  }
  const fail = (error: unknown) => {
    failure.reject(error)
    release()
  }
  const abort = () => fail(signal?.reason)
  const deadline = setTimeout(() => fail(tooSlow(stage, place, timeoutMs)), timeoutMs)
  const count = () => {
    if (socket.bytesRead > (stage === 'command' ? maxBytes : maxLoginBytes)) fail(tooTalkative(stage, place))
  }

  signal?.addEventListener('abort', abort, { once: true })
  // The library reports socket errors; this listener stays when the library has let go.
  socket.on('error', () => {})
  socket.once('connect', () => {
    stage = 'handshake'
  })
  socket.once('close', () => {
    isDown = true
    if (stage !== 'command' && !isDecided) fail(closedEarly(stage, place))
  })
  return {
    socket,
    stage: () => stage,
    reach: to => {
      stage = to
    },
    fail,
    failSoon: error => {
      isDecided = true
      void error.then(fail, fail)
    },
    failed: failure.promise,
    isDown: () => isDown,
    countBytes: () => socket.on('data', count),
    openEnded: () => clearTimeout(deadline),
    release,
  }
}

function tooTalkative(stage: Stage, place: Place): ClawError {
  const when = stage === 'command' ? 'than was asked for' : 'before the login was done than a login needs'
  return new ClawError('ssh-failed', `Cannot finish SSH to "${placeName(place)}": it sent more ${when}`)
}

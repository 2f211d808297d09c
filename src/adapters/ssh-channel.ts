import { type Duplex, type Readable, Writable } from 'node:stream'
import { ClawError } from '../fleet/error.ts'
import { closedEarly, type Place, placeName } from './ssh-errors.ts'
import type { Link } from './ssh-link.ts'

/** What a finished command left behind. */
export type RemoteResult = {
  readonly stdout: string
  readonly stderr: string
  /** Null when the command was ended by a signal, or the server did not say. */
  readonly code: number | null
}

/** How a command on the other machine ended; `error` is undefined when it ended by itself. */
export type RemoteEnd = { readonly code: number | null; readonly error: Error | undefined }

/** The library's channel, as far as it is used here: reading is stdout, writing is stdin. */
export type RawChannel = Duplex & { readonly stderr: Readable }

type Collecting = {
  readonly place: Place
  readonly stdin: string | Buffer | undefined
  /** Bound on stdout and on stderr, each, in bytes. */
  readonly maxBytes: number
  readonly isDown: () => boolean
}

/**
 * Give a command its input and collect what it prints, until both its outputs are closed.
 *
 * @throws {ClawError} `bad-answer` for too much output, `ssh-failed` when the connection ends before the command
 */
export function collectResult(
  channel: RawChannel,
  { place, stdin, maxBytes, isDown }: Collecting,
): Promise<RemoteResult> {
  return new Promise((resolve, reject) => {
    const read = (stream: Readable) => {
      const chunks: Buffer[] = []
      let size = 0
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= maxBytes) chunks.push(chunk)
        else reject(tooMuchOutput(place, maxBytes))
      })
      return () => Buffer.concat(chunks).toString('utf8')
    }
    const stdout = read(channel)
    const stderr = read(channel.stderr)
    let open = 2
    let code: unknown
    const closed = () => {
      open -= 1
      if (open > 0) return
      if (isDown() && code === undefined) reject(closedEarly('command', place))
      else resolve({ stdout: stdout(), stderr: stderr(), code: typeof code === 'number' ? code : null })
    }
    channel.on('error', () => {}) // a command may close its input unread
    channel.on('close', (exit: unknown) => {
      code = exit
      closed()
    })
    channel.stderr.on('close', closed)
    channel.end(stdin)
  })
}

/**
 * The input of a long-lived command. The library's own throws once the connection is gone; here a write that cannot be
 * made fails in its callback and nowhere else. Whoever ends the channel destroys it, so that no write waits for ever.
 */
export function guardedInput(channel: RawChannel): Writable {
  const pass = (act: (done: Done) => void, done: Done) => {
    try {
      act(done)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const input = new Writable({
    write: (chunk: Buffer, _encoding, done) => pass(next => channel.write(chunk, next), done),
    final: done => pass(next => channel.end(() => next()), done),
  })
  return input.on('error', () => {})
}

type Done = (error?: Error | null) => void

/** Resolves when the command or its connection is over; never rejects. */
export function remoteEnd(
  channel: RawChannel,
  link: Pick<Link, 'failed' | 'isDown' | 'socket'>,
  place: Place,
): Promise<RemoteEnd> {
  return new Promise(resolve => {
    let code: unknown
    const end = () => {
      const error = link.isDown() && code === undefined ? closedEarly('command', place) : undefined
      resolve({ code: typeof code === 'number' ? code : null, error })
    }
    channel.on('exit', (exit: unknown) => {
      code = exit
    })
    channel.on('close', end)
    // The channel closes only when its output was read; the connection may be gone without that.
    link.socket.on('close', () => setImmediate(end))
    link.failed.catch(error => resolve({ code: null, error }))
  })
}

const tooMuchOutput = (place: Place, maxBytes: number): ClawError =>
  new ClawError(
    'bad-answer',
    `Cannot read the answer of "${placeName(place)}": it is longer than ${maxBytes} bytes`,
  )

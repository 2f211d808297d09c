import { ClawError } from '../fleet/error.ts'
import { type Line, lineSplitter } from '../fleet/line-splitter.ts'
import {
  type Hello,
  MAX_LINE_BYTES,
  type PeerAnswer,
  parseAnswer,
  parseHello,
} from '../fleet/peer-protocol.ts'
import { quoteValue } from '../fleet/text.ts'
import type { RemoteEnd, SshChannel } from './ssh.ts'

/** A peer's answer without its `id` and `ok`. */
export type Body = Readonly<Record<string, unknown>>

/** The reading half of a peer channel: finds the hello, then brings each answer to whoever waits for it. */
export type PeerReader = {
  readonly hello: Promise<Hello>
  /** Wait for the answer to one request; rejected at once when nothing can come any more. */
  readonly expect: (id: number) => { readonly body: Promise<Body>; readonly forget: () => void }
}

/** What a peer that does not start our program says on stderr; more is not worth showing. */
const MAX_COMPLAINT_BYTES = 1024

/**
 * Read one peer until its channel ends. A line that is no answer ends the channel: whoever waits is told.
 *
 * @param where  the peer's address, for messages
 */
export function readPeer(channel: SshChannel, where: string): PeerReader {
  const splitter = lineSplitter(MAX_LINE_BYTES)
  const room = waitingRoom(where)
  const hello = Promise.withResolvers<Hello>()
  hello.promise.catch(() => {})
  let hasHello = false
  let noise = 0

  const fail = (error: unknown) => {
    hello.reject(error)
    room.close(error)
    channel.close()
  }
  const take = (line: Line) => {
    if (line.kind === 'too-long')
      throw badAnswer(where, `it sent a line of more than ${MAX_LINE_BYTES} bytes`)
    const said = hasHello ? undefined : parseHello(line.text)
    if (hasHello) room.deliver(parseAnswer(line.text))
    if (said === undefined) return
    hasHello = true
    hello.resolve(said)
  }
  channel.stdout.on('data', (chunk: Buffer) => {
    try {
      for (const line of splitter.push(chunk)) take(line)
      noise += hasHello ? 0 : chunk.length
      if (noise > MAX_LINE_BYTES) throw badAnswer(where, `${MAX_LINE_BYTES} bytes came and no hello`)
    } catch (error) {
      fail(error)
    }
  })
  const complaint = firstBytes(channel.stderr)
  void channel.closed.then(end => fail(end.error ?? ended(where, end, hasHello ? '' : complaint())))
  return { hello: hello.promise, expect: room.expect }
}

type WaitingRoom = Pick<PeerReader, 'expect'> & {
  readonly deliver: (answer: PeerAnswer) => void
  readonly close: (error: unknown) => void
}

/** Requests without an answer yet. An answer that nobody waits for any more is dropped: its deadline has passed. */
function waitingRoom(where: string): WaitingRoom {
  const waiting = new Map<number, { resolve: (body: Body) => void; reject: (error: unknown) => void }>()
  let closed: { readonly error: unknown } | undefined
  return {
    expect: id => {
      const { promise, ...settle } = Promise.withResolvers<Body>()
      if (closed === undefined) waiting.set(id, settle)
      else settle.reject(closed.error)
      return { body: promise, forget: () => waiting.delete(id) }
    },
    deliver: answer => {
      if (answer.ok) return waiting.get(answer.id)?.resolve(answer.body)
      const { message } = answer.error
      const refusal = new ClawError(
        'peer-refused',
        `Cannot ask "${where}": it answers ${quoteValue(message)}`,
      )
      // Without an id nobody knows who is meant: then it is all of them.
      if (answer.id === null) throw refusal
      waiting.get(answer.id)?.reject(refusal)
    },
    close: error => {
      closed ??= { error }
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
    },
  }
}

/** Keeps the beginning of a stream and reads the rest away, so that the other side never waits for us. */
function firstBytes(stream: SshChannel['stderr']): () => string {
  let kept = ''
  stream.on('data', (chunk: Buffer) => {
    if (kept.length < MAX_COMPLAINT_BYTES) kept += chunk.toString('utf8', 0, MAX_COMPLAINT_BYTES)
  })
  return () => kept.trim()
}

const badAnswer = (where: string, why: string): ClawError =>
  new ClawError('bad-answer', `Cannot talk to "${where}": ${why}`)

function ended(where: string, { code }: RemoteEnd, complaint: string): ClawError {
  const words = complaint === '' ? '' : `: ${quoteValue(complaint)}`
  return badAnswer(where, `its claw-peer ended with exit code ${code ?? 'unknown'}${words}`)
}

import type { Clock } from '../adapters/clock.ts'
import { ClawError } from '../fleet/error.ts'
import { type Identity, publicPart } from '../fleet/identity.ts'
import { type Line, lineSplitter } from '../fleet/line-splitter.ts'
import {
  answerLine,
  helloLine,
  type Inspection,
  idOf,
  MAX_LINE_BYTES,
  parseRequest,
  refusalLine,
} from '../fleet/peer-protocol.ts'
import { PROTOCOL_VERSION } from '../fleet/probe.ts'
import { quoteValue } from '../fleet/text.ts'
import type { FleetStore } from '../store/store.ts'

export type ServePeerDeps = {
  readonly store: Pick<FleetStore, 'self' | 'lastRun'>
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  /** Does a process announce this machine? Unknown where one is there and does not answer. */
  readonly registration: () => Promise<Inspection['registration']>
  /** Of this program and of the node that runs it. */
  readonly versions: { readonly program: string; readonly node: string }
  /** Told of every failure that is a bug of ours; the other machine hears only that there was one. */
  readonly onBug: (error: unknown) => void
}

/** The connection: what the other machine sends, and how it is answered. */
export type PeerLine = {
  readonly input: AsyncIterable<Uint8Array>
  /** Resolves when the text was taken. */
  readonly write: (text: string) => Promise<void>
}

export type ServeBounds = {
  /** Longest silence of the other side, and longest wait for it to take an answer, in milliseconds. */
  readonly idleMs: number
  /** Bound on the work for one request, in milliseconds. */
  readonly verbMs: number
}

/** A dead connection that nobody closed costs this machine one node process for so long. */
export const SERVE_BOUNDS: ServeBounds = { idleMs: 300_000, verbMs: 60_000 }

/**
 * Answer another machine's requests, one after the other, until its input ends or it falls silent.
 *
 * A request that cannot be understood or done is answered as such, and the connection lives on. After silence the
 * input may still be waiting for bytes: the caller lets go of it.
 *
 * @throws {ClawError} `not-set-up` before anything is written
 */
export async function servePeer(
  deps: ServePeerDeps,
  line: PeerLine,
  bounds = SERVE_BOUNDS,
): Promise<'ended' | 'idle'> {
  const self = await deps.store.self()
  if (self === undefined) {
    throw new ClawError('not-set-up', 'Cannot serve: this machine is not set up', {
      hint: 'Run "claw-setup" on it',
    })
  }
  const waiting = <T>(work: Promise<T>) => within(deps.clock, bounds.idleMs, work)
  const speaker = { gatewayId: self.gatewayId, version: deps.versions.program }
  if ((await waiting(line.write(helloLine(speaker)))) === LATE) return 'idle'
  const splitter = lineSplitter(MAX_LINE_BYTES)
  const input = line.input[Symbol.asyncIterator]()
  for (;;) {
    const next = await waiting(input.next())
    if (next === LATE) return 'idle'
    if (next.done === true) return 'ended'
    for (const request of splitter.push(next.value)) {
      const answer = await answerTo(request, { deps, self, bounds })
      if ((await waiting(line.write(answer))) === LATE) return 'idle'
    }
  }
}

type Serving = { readonly deps: ServePeerDeps; readonly self: Identity; readonly bounds: ServeBounds }

async function answerTo(line: Line, serving: Serving): Promise<string> {
  if (line.kind === 'too-long') {
    return refusalLine(null, 'bad-input', `Cannot read a line of more than ${MAX_LINE_BYTES} bytes`)
  }
  const { deps, self, bounds } = serving
  try {
    const { id, verb } = parseRequest(line.text)
    const work = VERBS.get(verb)
    if (work === undefined)
      return refusalLine(id, 'unknown-verb', `This machine does not know ${quoteValue(verb)}`)
    const body = await within(deps.clock, bounds.verbMs, work(serving))
    if (body === LATE) return refusalLine(id, 'timeout', `Cannot finish "${verb}" within ${bounds.verbMs} ms`)
    const speaker = { gatewayId: self.gatewayId, version: deps.versions.program }
    return answerLine(id, speaker, deps.clock.now(), body)
  } catch (error) {
    if (error instanceof ClawError) return refusalLine(idOf(line.text), error.code, error.message)
    deps.onBug(error)
    return refusalLine(
      idOf(line.text),
      'internal',
      'This machine failed on the request; its own log says more',
    )
  }
}

const VERBS: ReadonlyMap<string, (serving: Serving) => Promise<object>> = new Map([['inspect', inspect]])

async function inspect({ deps, self }: Serving): Promise<Inspection> {
  // The connection may be older than the last setup.
  const [current, run, registration] = await Promise.all([
    deps.store.self(),
    deps.store.lastRun('claw-ping'),
    deps.registration(),
  ])
  return {
    identity: publicPart(current ?? self),
    versions: { ...deps.versions, protocol: PROTOCOL_VERSION },
    lastPing: run?.finishedAt ?? null,
    registration,
  }
}

const LATE = Symbol('late')

async function within<T>(
  clock: Pick<Clock, 'sleep'>,
  ms: number,
  work: Promise<T>,
): Promise<T | typeof LATE> {
  const stop = new AbortController()
  const late = clock.sleep(ms, stop.signal).then((): typeof LATE => LATE)
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
  }
}

import { type Clock, spreadMs } from './clock.ts'

import { MDNS_PORT } from './mdns.ts'
import { type Claim, recordsOf } from './mdns-claim.ts'
import {
  type Endpoint,
  isSameName,
  type MdnsPacket,
  type MdnsQuestion,
  type MdnsRecord,
  recordKey,
  responsePacket,
} from './mdns-record.ts'

/** RFC 6762 section 6: a record is not multicast twice within a second; to defend a name within a quarter of one. */
const MIN_REPEAT_MS = 1000
const MIN_DEFENCE_MS = 250
/** Seconds; RFC 6762 section 6.7: simple resolvers must not keep what may change. */
const LEGACY_TTL = 10

export type ResponderOptions = {
  /** Undefined while no name is ours: nothing is answered. */
  readonly claim: () => Claim | undefined
  readonly send: (packet: MdnsPacket, to?: Endpoint) => Promise<void>
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  readonly signal: AbortSignal
}

/** Records whose last telling is remembered; we have about seven, and seven more after each rename. */
const MAX_REMEMBERED = 64

type Wanted = { readonly record: MdnsRecord; readonly question: MdnsQuestion }
type Pending = { readonly record: MdnsRecord; readonly dueAt: number; readonly askers: Set<string> }

/**
 * Answers questions about one claim on one link, as RFC 6762 section 6 asks: shared records after 20 to 120 ms, so that
 * fifty machines do not answer at once; answers to several askers in one packet; nothing the asker already knows.
 */
export class Responder {
  readonly #options: ResponderOptions
  readonly #pending = new Map<string, Pending>()
  readonly #toldAt = new Map<string, number>()

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** Multicast records now, unasked or because they are due. */
  async tell(answers: readonly MdnsRecord[], additionals: readonly MdnsRecord[] = []): Promise<void> {
    if (this.#toldAt.size > MAX_REMEMBERED) this.#toldAt.clear()
    for (const record of answers) this.#toldAt.set(recordKey(record), this.#options.clock.monotonicMs())
    await this.#options.send(responsePacket({ answers, additionals }))
  }

  /** What another machine has just said to everybody need not be said again (RFC 6762 section 7.4). */
  onResponse({ answers }: MdnsPacket): void {
    for (const record of answers)
      if (record.ttl > 0 && !record.unique) this.#pending.delete(recordKey(record))
  }

  onQuery(packet: MdnsPacket, source: Endpoint): void {
    const claim = this.#options.claim()
    if (claim === undefined) return
    const isKnown = knownTo(packet)
    for (const { record, askers } of this.#pending.values())
      if (isKnown(record)) askers.delete(source.address)
    const wanted = matching(claim, packet.questions).filter(({ record }) => !isKnown(record))
    if (wanted.length === 0) return
    if (source.port !== MDNS_PORT) {
      void this.#options.send(legacyAnswer(claim, wanted, packet), source)
      return
    }
    const forAsker = wanted.filter(each => this.#isForAsker(each, packet))
    if (forAsker.length > 0) {
      const answers = forAsker.map(({ record }) => record)
      void this.#options.send(
        responsePacket({ answers, additionals: additionalsFor(claim, answers) }),
        source,
      )
    }
    this.#schedule(
      wanted.filter(each => !forAsker.includes(each)),
      packet,
      source,
    )
  }

  /** A quarter of its life after everybody heard it, a record is told to everybody again (RFC 6762 section 5.4). */
  #isForAsker({ record, question }: Wanted, { authorities }: MdnsPacket): boolean {
    const recentlyMs = (record.ttl * 1000) / 4
    return (
      question.wantsUnicast && authorities.length === 0 && this.#sinceTold(recordKey(record)) < recentlyMs
    )
  }

  #sinceTold(key: string): number {
    return this.#options.clock.monotonicMs() - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY)
  }

  #schedule(wanted: readonly Wanted[], packet: MdnsPacket, source: Endpoint): void {
    const { clock, signal } = this.#options
    const repeatMs = packet.authorities.length > 0 ? MIN_DEFENCE_MS : MIN_REPEAT_MS
    const delayMs = answerDelay(wanted, packet)
    for (const { record } of wanted) {
      const key = recordKey(record)
      const waitMs = Math.max(delayMs, repeatMs - this.#sinceTold(key))
      const dueAt = clock.monotonicMs() + waitMs
      const earlier = this.#pending.get(key)
      const askers = earlier?.askers ?? new Set<string>()
      askers.add(source.address)
      if (earlier !== undefined && earlier.dueAt <= dueAt) continue
      this.#pending.set(key, { record, dueAt, askers })
      clock.sleep(waitMs, signal).then(
        () => this.#flush(),
        () => undefined,
      )
    }
  }

  async #flush(): Promise<void> {
    const due = [...this.#pending].filter(([, { dueAt }]) => dueAt <= this.#options.clock.monotonicMs() + 1)
    for (const [key] of due) this.#pending.delete(key)
    const claim = this.#options.claim()
    if (claim === undefined) return
    // Asked of an earlier claim, perhaps: only what still is ours is said.
    const own = new Map(recordsOf(claim).map(record => [recordKey(record), record]))
    const answers = due.flatMap(([key, { askers }]) => (askers.size > 0 ? (own.get(key) ?? []) : []))
    if (answers.length > 0) await this.tell(answers, additionalsFor(claim, answers))
  }
}

/** Known answers with less than half of their life left do not count (RFC 6762 section 7.1). */
function knownTo(packet: MdnsPacket): (record: MdnsRecord) => boolean {
  const ttls = new Map(packet.answers.map(record => [recordKey(record), record.ttl]))
  return record => (ttls.get(recordKey(record)) ?? -1) >= record.ttl / 2
}

/** Milliseconds to wait: for more known answers, for others who answer too, or not at all. */
function answerDelay(wanted: readonly Wanted[], { isTruncated, authorities }: MdnsPacket): number {
  if (isTruncated) return spreadMs(400, 500) // RFC 6762 section 7.2
  const isShared = wanted.some(({ record }) => !record.unique)
  return isShared && authorities.length === 0 ? spreadMs(20, 120) : 0
}

/** Each of our records that answers a question, once. */
function matching(claim: Claim, questions: readonly MdnsQuestion[]): Wanted[] {
  const found = new Map<string, Wanted>()
  for (const question of questions) {
    const ofName = recordsOf(claim).filter(own => isSameName(own.name, question.name))
    const asked = ofName.filter(
      own => own.type !== 'NSEC' && (question.type === 'ANY' || question.type === own.type),
    )
    for (const record of asked.length > 0 ? asked : ofName.filter(own => own.type === 'NSEC')) {
      found.set(recordKey(record), { record, question })
    }
  }
  return [...found.values()]
}

/** What the asker will want next (RFC 6763 section 12). */
function additionalsFor(claim: Claim, answers: readonly MdnsRecord[]): MdnsRecord[] {
  const addresses = [...claim.unique, ...claim.negative].filter(record => record.name === claim.host)
  const next = answers.flatMap(answer => {
    if (answer === claim.pointer) return [...claim.unique, ...claim.negative]
    return answer.type === 'SRV' || answer.type === 'A' ? addresses : []
  })
  return [...new Set(next)].filter(record => !answers.includes(record))
}

/** For resolvers that know nothing of mDNS: question and id repeated, no cache-flush bits, short life. */
function legacyAnswer(claim: Claim, wanted: readonly Wanted[], { id }: MdnsPacket): MdnsPacket {
  const plain = (record: MdnsRecord) => ({ ...record, unique: false, ttl: Math.min(record.ttl, LEGACY_TTL) })
  const answers = wanted.map(({ record }) => record)
  return responsePacket({
    id,
    questions: [...new Set(wanted.map(({ question }) => question))],
    answers: answers.map(plain),
    additionals: additionalsFor(claim, answers).map(plain),
  })
}

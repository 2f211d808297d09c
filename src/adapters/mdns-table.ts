import { MAX_LABEL_BYTES, utf8Length } from '../fleet/dns-label.ts'
import { GATEWAY_TYPE, type HeardService, SERVICE_TYPE } from '../fleet/service.ts'
import { isSameName, type MdnsPacket, type MdnsQuestion, type MdnsRecord } from './mdns-record.ts'

/** Instances kept at most, whatever is announced; a flood of made-up ones costs no more memory than this. */
export const MAX_INSTANCES = 256
/** Of these from one source at most, so that one spoofer cannot take them all; a relay may have as many machines. */
const MAX_PER_SOURCE = 64
const MAX_ADDRESSES = 8
/** Follow-up questions in one packet, and how often one instance is asked for what it did not say. */
const MAX_QUESTIONS = 16
const MAX_ASKS = 3

export type ServiceType = typeof SERVICE_TYPE | typeof GATEWAY_TYPE

type Entry = {
  readonly type: ServiceType
  /** Full name, in the case it was heard. */
  readonly name: string
  readonly sourceIp: string
  pointer: MdnsRecord | undefined
  srv: { readonly port: number; readonly target: string } | undefined
  txt: readonly Uint8Array[] | undefined
  readonly addresses: Set<string>
  asks: number
}

export type TableOptions = {
  /** Sources without a share of their own: our own addresses, behind which many programs may be. */
  readonly unmetered: ReadonlySet<string>
  /** Sources that always find room: enrolled peers. */
  readonly expected: ReadonlySet<string>
}

/**
 * What was heard during one browse. Each source has its own view: what one says of an instance never changes what
 * another said of it, so a spoofer adds a second sighting at most.
 */
export class HeardTable {
  readonly #options: TableOptions
  /** By source and name; order of arrival. */
  readonly #entries = new Map<string, Entry>()

  constructor(options: TableOptions) {
    this.#options = options
  }

  /** @returns true when something new was learned */
  hear({ answers, additionals }: MdnsPacket, sourceIp: string): boolean {
    const records = [...answers, ...additionals]
    // One after the other: what describes an instance may stand before it in the packet.
    const found = records.map(record => this.#hearInstance(record, sourceIp))
    const described = records.map(record => this.#hearDetail(record, sourceIp))
    const located = records.map(record => this.#hearAddress(record, sourceIp))
    return [...found, ...described, ...located].includes(true)
  }

  /** Instances of one type of which everything is known. */
  services(type: ServiceType): readonly HeardService[] {
    return [...this.#entries.values()].flatMap(({ type: its, name, sourceIp, srv, txt, addresses }) =>
      its !== type || srv === undefined || txt === undefined || addresses.size === 0
        ? []
        : [
            {
              instance: name.slice(0, -type.length - 1),
              port: srv.port,
              txt,
              addresses: [...addresses],
              sourceIp,
            },
          ],
    )
  }

  /** Pointers to instances of which everything is known, so that their machines need not answer again. */
  knownAnswers(): readonly MdnsRecord[] {
    return [...this.#entries.values()].flatMap(({ pointer, type, name, srv, txt, addresses }) =>
      pointer !== undefined &&
      srv !== undefined &&
      txt !== undefined &&
      addresses.size > 0 &&
      isEncodable(name, type)
        ? [pointer]
        : [],
    )
  }

  /** Questions for what is still missing; each call counts as one asking. */
  missing(): readonly MdnsQuestion[] {
    const questions = [...this.#entries.values()]
      .filter(entry => isIncomplete(entry) && entry.asks < MAX_ASKS)
      .slice(0, MAX_QUESTIONS / 2)
      .flatMap(entry => {
        entry.asks += 1
        return questionsFor(entry)
      })
    return questions.slice(0, MAX_QUESTIONS)
  }

  #hearInstance(record: MdnsRecord, sourceIp: string): boolean {
    const name = record.type === 'PTR' ? record.target : record.name
    const type = record.type === 'PTR' ? typeNamed(record.name) : typeOf(record.name)
    if (type === undefined || typeOf(name) !== type || (record.type !== 'PTR' && record.type !== 'SRV'))
      return false
    const key = keyOf(sourceIp, name)
    if (record.ttl === 0) return this.#entries.delete(key)
    const known = this.#entries.get(key)
    const entry = known ?? this.#admit(key, { type, name, sourceIp })
    if (entry === undefined) return false
    if (record.type === 'PTR') entry.pointer = record
    return known === undefined
  }

  #hearDetail(record: MdnsRecord, sourceIp: string): boolean {
    if (record.ttl === 0) return false
    const entry = this.#entries.get(keyOf(sourceIp, record.name))
    if (entry === undefined) return false
    if (record.type === 'TXT') {
      const isNews = entry.txt === undefined
      entry.txt = record.items
      return isNews
    }
    if (record.type !== 'SRV') return false
    const isNews = entry.srv === undefined
    if (entry.srv !== undefined && !isSameName(entry.srv.target, record.target)) entry.addresses.clear()
    entry.srv = { port: record.port, target: record.target }
    return isNews
  }

  #hearAddress(record: MdnsRecord, sourceIp: string): boolean {
    if (record.type !== 'A' || record.ttl === 0) return false
    let isNews = false
    for (const { srv, sourceIp: its, addresses } of this.#entries.values()) {
      if (its !== sourceIp || srv === undefined || !isSameName(srv.target, record.name)) continue
      if (addresses.size >= MAX_ADDRESSES || addresses.has(record.address)) continue
      addresses.add(record.address)
      isNews = true
    }
    return isNews
  }

  #admit(key: string, part: Pick<Entry, 'type' | 'name' | 'sourceIp'>): Entry | undefined {
    const { unmetered, expected } = this.#options
    const counts = new Map<string, number>()
    for (const { sourceIp } of this.#entries.values()) counts.set(sourceIp, (counts.get(sourceIp) ?? 0) + 1)
    const own = counts.get(part.sourceIp) ?? 0
    if (own >= MAX_PER_SOURCE && !unmetered.has(part.sourceIp)) return undefined
    if (this.#entries.size >= MAX_INSTANCES) {
      const [greediest, most] = [...counts].reduce(
        (worst, each) => (each[1] > worst[1] ? each : worst),
        ['', 0],
      )
      if (most <= own + 1 && !(expected.has(part.sourceIp) && greediest !== part.sourceIp)) return undefined
      const victim = [...this.#entries].findLast(([, { sourceIp }]) => sourceIp === greediest)
      if (victim !== undefined) this.#entries.delete(victim[0])
    }
    const entry: Entry = {
      ...part,
      pointer: undefined,
      srv: undefined,
      txt: undefined,
      addresses: new Set(),
      asks: 0,
    }
    this.#entries.set(key, entry)
    return entry
  }
}

const keyOf = (sourceIp: string, name: string): string => `${sourceIp} ${name.toLowerCase()}`

const TYPES: readonly ServiceType[] = [SERVICE_TYPE, GATEWAY_TYPE]
const typeNamed = (name: string): ServiceType | undefined => TYPES.find(type => isSameName(type, name))
/** The type of an instance name: one label, which may hold dots, and then the type. */
const typeOf = (name: string): ServiceType | undefined =>
  TYPES.find(type => name.length > type.length + 1 && name.toLowerCase().endsWith(`.${type}`))

const isIncomplete = ({ srv, txt, addresses }: Entry): boolean =>
  srv === undefined || txt === undefined || addresses.size === 0

function questionsFor({ type, name, srv, txt, addresses }: Entry): MdnsQuestion[] {
  const ask = (asked: string, kind: string) => ({ name: asked, type: kind, wantsUnicast: false })
  const ofInstance = isEncodable(name, type)
    ? [...(srv === undefined ? [ask(name, 'SRV')] : []), ...(txt === undefined ? [ask(name, 'TXT')] : [])]
    : []
  const isAddressMissing = srv !== undefined && addresses.size === 0 && isEncodable(srv.target, 'local')
  return isAddressMissing ? [...ofInstance, ask(srv.target, 'A')] : ofInstance
}

/**
 * True when a name comes out of the encoder as it was heard: exactly one label before the domain, which the library
 * would split at dots, cut, or send too long.
 */
function isEncodable(name: string, domain: string): boolean {
  const label = name.slice(0, -domain.length - 1)
  return (
    label !== '' && !label.includes('.') && !label.includes('\ufffd') && utf8Length(label) <= MAX_LABEL_BYTES
  )
}

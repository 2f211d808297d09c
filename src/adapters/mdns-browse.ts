import { ClawError } from '../fleet/error.ts'
import { idKey } from '../fleet/parse.ts'
import {
  GATEWAY_TYPE,
  type GatewayListing,
  parseGatewayListing,
  parseSighting,
  SERVICE_TYPE,
  type Sighting,
} from '../fleet/service.ts'
import type { Clock } from './clock.ts'
import { linkAddresses, ownAddresses } from './interfaces.ts'
import { type Link, openLink } from './mdns.ts'
import { type Flood, type GateLimits, openGate } from './mdns-gate.ts'
import { browseQueries } from './mdns-query.ts'
import { type MdnsPacket, queryPacket } from './mdns-record.ts'
import { HeardTable } from './mdns-table.ts'

export type BrowseOptions = {
  readonly durationMs: number
  /** May the browse end before `durationMs`, once nothing new was heard for 1 s? Absent: never. */
  readonly isComplete?: (sightings: readonly Sighting[]) => boolean
  /** Addresses whose answers get through even in a flood: those of enrolled peers. */
  readonly expected: readonly string[]
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly onProgress?: (found: number, elapsedMs: number) => void
}

export type BrowseReading = {
  readonly sightings: readonly Sighting[]
  readonly gateways: readonly GatewayListing[]
  /** False when it ended early, was aborted or flooded, or an interface failed: then silence proves nothing. */
  readonly isFull: boolean
  /** Interfaces that could not be asked on, as sentences: not hearing somebody may be our own fault. */
  readonly troubles: readonly string[]
  /** For the owner: floods with their source, refused records, interfaces that failed. */
  readonly warnings: readonly string[]
}

/** RFC 6762 section 5.2 asks for growing gaps; the later two make up for packets that Wi-Fi lost. */
const QUERIES_AT_MS = [0, 1000, 3000]
/** Nothing new for this long ends a browse that may end. */
const QUIET_MS = 1000
/** How often we look whether something is due. Lower ends sooner and costs wake-ups. */
const STEP_MS = 50
/** What an answer left out is asked for after this long: it may still be under way. */
const FOLLOW_UP_MS = 200
/**
 * More than 200 packets a second is a flood, unless they come at once: fifty machines answer within 150 ms, with
 * up to five packets each, three times.
 */
const LIMITS: GateLimits = { perSecond: 200, burst: 1000, perSourcePerSecond: 20, perSourceBurst: 100 }
/**
 * Ask who is there, on every interface, and collect the answers.
 *
 * @throws {ClawError} `no-network` when no interface can be used
 */
export async function browse(options: BrowseOptions): Promise<BrowseReading> {
  const { clock, durationMs, signal } = options
  const browsing = new Browsing(options)
  try {
    await browsing.open()
    while (browsing.elapsedMs() < durationMs && signal?.aborted !== true && !browsing.mayEnd()) {
      browsing.step()
      const restMs = Math.max(0, Math.min(STEP_MS, durationMs - browsing.elapsedMs()))
      await clock.sleep(restMs, signal).catch(() => undefined)
    }
    return browsing.reading()
  } finally {
    browsing.close()
  }
}

class Browsing {
  readonly #options: BrowseOptions
  readonly #table: HeardTable
  readonly #gate: ReturnType<typeof openGate>
  readonly #startedAt: number
  readonly #troubles = new Map<string, string>()
  #links: readonly Link[] = []
  #queries = 0
  #newsAt: number
  #followUpAt = FOLLOW_UP_MS
  /** As of the last step; undefined when something new was heard since. */
  #sightings: readonly Sighting[] | undefined

  constructor(options: BrowseOptions) {
    const { clock, expected } = options
    const sources = { unmetered: new Set(ownAddresses()), expected: new Set(expected) }
    this.#options = options
    this.#table = new HeardTable(sources)
    this.#gate = openGate(LIMITS, sources, clock.monotonicMs)
    this.#startedAt = clock.monotonicMs()
    this.#newsAt = 0
  }

  readonly elapsedMs = (): number => this.#options.clock.monotonicMs() - this.#startedAt

  mayEnd(): boolean {
    if (this.elapsedMs() - this.#newsAt < QUIET_MS) return false
    return this.#options.isComplete?.(this.#sighted()) ?? false
  }

  async open(): Promise<void> {
    const wanted = linkAddresses(this.#options.interfaces)
    const opened = wanted.map(at =>
      openLink(at, {
        // Only answers concern us: bit QR of the header.
        admits: (ip, message) => ((message[2] ?? 0) & 0x80) !== 0 && this.#gate.admits(ip, message.length),
        onPacket: (packet, { address }) => this.#onPacket(packet, address),
        onTrouble: error => this.#troubles.set(at.name, error.message),
      }).catch(error => {
        this.#troubles.set(at.name, String(error))
        return undefined
      }),
    )
    this.#links = (await Promise.all(opened)).filter(link => link !== undefined)
    if (this.#links.length > 0) return
    const tried = [...this.#troubles].map(([name, text]) => `; "${name}": ${text}`).join('')
    throw new ClawError('no-network', `Cannot look for machines: no network interface can be used${tried}`, {
      hint: 'Connect to a network, or name an interface in the setting "mdns.interfaces"',
    })
  }

  /** Send what is due. */
  step(): void {
    const elapsedMs = this.elapsedMs()
    const dueAt = QUERIES_AT_MS[this.#queries]
    if (dueAt !== undefined && elapsedMs >= dueAt) {
      this.#queries += 1
      this.#send(browseQueries(this.#table.knownAnswers()))
    }
    if (elapsedMs >= this.#followUpAt) {
      this.#followUpAt = elapsedMs + FOLLOW_UP_MS
      const questions = this.#table.missing()
      if (questions.length > 0) this.#send([queryPacket({ questions })])
    }
    this.#options.onProgress?.(this.#sighted().length, elapsedMs)
  }

  reading(): BrowseReading {
    const flood = this.#gate.takeFlood()
    const { signal, durationMs } = this.#options
    return {
      sightings: this.#sighted(),
      gateways: unique(
        this.#table.services(GATEWAY_TYPE).flatMap(heard => parseGatewayListing(heard) ?? []),
        JSON.stringify,
      ),
      isFull:
        signal?.aborted !== true &&
        this.elapsedMs() >= durationMs &&
        flood === undefined &&
        this.#troubles.size === 0,
      troubles: this.#troubleWarnings(),
      warnings: [...this.#refusals(), ...floodWarning(flood), ...this.#troubleWarnings()],
    }
  }

  close(): void {
    for (const link of this.#links) link.close()
  }

  #send(packets: readonly MdnsPacket[]): void {
    for (const link of this.#links) for (const packet of packets) void link.send(packet)
  }

  #onPacket(packet: MdnsPacket, sourceIp: string): void {
    if (packet.kind !== 'response' || !this.#table.hear(packet, sourceIp)) return
    this.#newsAt = this.elapsedMs()
    this.#sightings = undefined
  }

  #sighted(): readonly Sighting[] {
    if (this.#sightings !== undefined) return this.#sightings
    const readings = this.#table.services(SERVICE_TYPE).map(parseSighting)
    const sightings = readings.flatMap(reading => (reading.kind === 'sighting' ? [reading.sighting] : []))
    // One machine may be heard on two interfaces, or relayed as well.
    this.#sightings = unique(sightings, ({ gatewayId, ip, port, clanKey }) =>
      [idKey(gatewayId), ip, port, clanKey].join(' '),
    )
    return this.#sightings
  }

  #refusals(): readonly string[] {
    const refused = this.#table.services(SERVICE_TYPE).flatMap(heard => {
      const reading = parseSighting(heard)
      return reading.kind === 'refused' ? [{ sourceIp: heard.sourceIp, reason: reading.reason }] : []
    })
    const [first] = refused
    if (first === undefined) return []
    return [`Ignored ${refused.length} announcements, the first from ${first.sourceIp}: ${first.reason}`]
  }

  #troubleWarnings(): readonly string[] {
    return [...this.#troubles].map(([name, text]) => `Cannot use the interface "${name}": ${text}`)
  }
}

function floodWarning(flood: Flood | undefined): readonly string[] {
  if (flood === undefined) return []
  return [
    `Dropped ${flood.droppedInTotal} mDNS packets beyond what a network needs, most of them from ${flood.sourceIp}`,
  ]
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const byKey = new Map<string, T>()
  for (const item of items) if (!byKey.has(keyOf(item))) byKey.set(keyOf(item), item)
  return [...byKey.values()]
}

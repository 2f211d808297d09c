import { type Clock, spreadMs } from './clock.ts'

import { isOnLink, type LinkAddress } from './interfaces.ts'
import { type Link, openLink } from './mdns.ts'
import { type Claim, conflictsWith, hasSameNames, losesTo, probeOf, recordsOf } from './mdns-claim.ts'
import type { Gate } from './mdns-gate.ts'
import { type Endpoint, type MdnsPacket, queryPacket, responsePacket } from './mdns-record.ts'
import { Responder } from './mdns-responder.ts'

/** RFC 6762 sections 8.1, 8.2 and 8.3. */
const PROBES = 3
const PROBE_GAP_MS = 250
const DEFER_MS = 1000
const ANNOUNCE_GAP_MS = 1000

export type HolderOptions = {
  readonly at: LinkAddress
  readonly gate: Gate
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  /** Somebody else has one of the names; it is not probed for again until `hold` gives another. */
  readonly onConflict: (claim: Claim, sourceIp: string) => void
  readonly onHeld: (claim: Claim) => void
  readonly onTrouble: (error: Error) => void
}

export type HoldOptions = {
  /** Wait before probing, after many conflicts. */
  readonly delayMs?: number
  /** The names were ours a moment ago on this link: announce, do not probe. */
  readonly isKnownOurs?: boolean
}

/** Keeps one claim on one link: probes, announces, answers, defends, says goodbye. */
export class Holder {
  readonly #options: HolderOptions
  readonly #link: Link
  readonly #responder: Responder
  readonly #lifetime = new AbortController()
  /** Ends the probing or announcing under way. */
  #sequence = new AbortController()
  #claim: Claim | undefined
  #phase: 'idle' | 'waiting' | 'probing' | 'held' = 'idle'

  /** @throws {Error} of the system when the link cannot be opened */
  static async open(options: HolderOptions): Promise<Holder> {
    let holder: Holder | undefined
    const link = await openLink(options.at, {
      admits: (sourceIp, message) => options.gate.admits(sourceIp, message.length),
      onPacket: (packet, source) => holder?.onPacket(packet, source),
      onTrouble: options.onTrouble,
    })
    holder = new Holder(options, link)
    return holder
  }

  constructor(options: HolderOptions, link: Link) {
    this.#options = options
    this.#link = link
    this.#responder = new Responder({
      claim: () => (this.#phase === 'held' ? this.#claim : undefined),
      send: link.send,
      clock: options.clock,
      signal: this.#lifetime.signal,
    })
  }

  get at(): LinkAddress {
    return this.#options.at
  }

  /** Claim these records; names that are not ours yet are probed for first. */
  hold(claim: Claim, { delayMs = 0, isKnownOurs = false }: HoldOptions = {}): void {
    // Names that are held stay held when only what they stand for changes.
    const isUpdate = this.#phase === 'held' && this.#claim !== undefined && hasSameNames(this.#claim, claim)
    this.#begin(claim, delayMs, isKnownOurs || isUpdate)
  }

  /** Tell everybody that our records are no more, if they ever were. */
  async goodbye(): Promise<void> {
    this.#sequence.abort()
    const wasHeld = this.#phase === 'held'
    this.#phase = 'idle'
    if (this.#claim === undefined || !wasHeld) return
    // Without the cache-flush bit, and without the type's own pointer: others may still be there.
    const gone = [this.#claim.pointer, ...this.#claim.unique].map(record => ({
      ...record,
      ttl: 0,
      unique: false,
    }))
    await this.#link.send(responsePacket({ answers: gone }))
  }

  close(): void {
    this.#sequence.abort()
    this.#lifetime.abort()
    this.#link.close()
  }

  onPacket(packet: MdnsPacket, source: Endpoint): void {
    const claim = this.#claim
    if (claim === undefined) return
    if (packet.kind === 'query') {
      if (this.#phase === 'held') this.#responder.onQuery(packet, source)
      if (this.#phase === 'probing' && losesTo(claim, packet)) this.#begin(claim, DEFER_MS, false)
      return
    }
    this.#responder.onResponse(packet)
    if (this.#phase === 'waiting' || !conflictsWith(claim, packet, this.#phase === 'held')) return
    if (this.#phase === 'held') this.#begin(claim, 0, false)
    else {
      this.#sequence.abort()
      this.#phase = 'waiting'
      this.#options.onConflict(claim, source.address)
    }
  }

  #begin(claim: Claim, delayMs: number, isOurs: boolean): void {
    this.#sequence.abort()
    this.#sequence = new AbortController()
    this.#claim = claim
    const { signal } = this.#sequence
    const sequence = async () => {
      if (!isOurs) await this.#probe(claim, delayMs, signal)
      this.#phase = 'held'
      this.#options.onHeld(claim)
      await this.#responder.tell(recordsOf(claim))
      await this.#options.clock.sleep(ANNOUNCE_GAP_MS, signal)
      await this.#responder.tell(recordsOf(claim))
    }
    sequence().catch(error => (signal.aborted ? undefined : this.#options.onTrouble(error)))
  }

  async #probe(claim: Claim, delayMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    this.#phase = 'waiting'
    await clock.sleep(delayMs + spreadMs(0, PROBE_GAP_MS), signal)
    this.#phase = 'probing'
    for (let sent = 0; sent < PROBES; sent += 1) {
      await this.#link.send(queryPacket(probeOf(claim)))
      await clock.sleep(PROBE_GAP_MS, signal)
    }
  }
}

/** Our addresses that are valid on a link, whichever interface they are on: two may be in one network. */
export const addressesOn = (at: LinkAddress, own: readonly string[]): readonly string[] =>
  own.filter(address => isOnLink(at, address))

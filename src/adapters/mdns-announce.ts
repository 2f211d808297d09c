import type { Announcement } from '../fleet/service.ts'
import type { Clock } from './clock.ts'
import { linkAddresses, linkFingerprint, ownAddresses } from './interfaces.ts'
import { type Claim, claimOf } from './mdns-claim.ts'
import { type Gate, type GateLimits, openGate } from './mdns-gate.ts'
import { addressesOn, Holder, type HoldOptions } from './mdns-holder.ts'
import { quietly } from './mdns-notice.ts'

export type AnnounceOptions = {
  /** Asked at the start and every few seconds; undefined (state.json is gone for now) keeps the last answer. */
  readonly current: () => Promise<Announcement | undefined>
  /** Settings `mdns.interfaces`. */
  readonly interfaces: readonly string[]
  readonly clock: Clock
  /** Ends the announcement with a goodbye. */
  readonly signal: AbortSignal
  /** One line for the log: announced as, renamed, interface lost, flooded. The same kind at most once a minute. */
  readonly onNotice: (line: string) => void
}

/** How often interfaces and identity are looked at. A new interface is announced on within this and 1 s of probing. */
const TICK_MS = 3_000
/** A tick that comes this late by the wall clock means that the machine slept: memberships may be gone. */
const SLEPT_MS = 10_000
/** Sockets are made anew at least this often, because a membership can die without a trace. */
const RENEW_MS = 600_000
/** After a failed open or send: longer means fewer log lines and a later return. */
const RETRY_MS = 9_000
/** RFC 6762 section 8.1: after 15 conflicts within 10 s, 5 s between attempts. */
const CONFLICTS = { max: 15, withinMs: 10_000, delayMs: 5_000 }
/** The questions of fifty machines and the answers they get; what is above costs no decoding. */
const LIMITS: GateLimits = { perSecond: 200, burst: 1000, perSourcePerSecond: 20, perSourceBurst: 100 }
/** A goodbye that cannot be sent must not keep the program. */
const GOODBYE_MS = 500

/**
 * Keep this machine announced until `signal` aborts; then say goodbye and return. Never rejects for anything that
 * the network does: it degrades and tries again.
 */
export async function announce(options: AnnounceOptions): Promise<void> {
  const announcer = new Announcer(options)
  try {
    while (!options.signal.aborted) {
      await announcer.tick()
      await options.clock.sleep(TICK_MS, options.signal).catch(() => undefined)
    }
  } finally {
    await announcer.close()
  }
}

class Announcer {
  readonly #options: AnnounceOptions
  readonly #notice: (kind: string, line: string) => void
  readonly #conflicts: number[] = []
  #announcement: Announcement | undefined
  /** 1, and one more for each name that somebody else had. */
  #attempt = 1
  #holders: readonly Holder[] = []
  #gate: Gate
  #fingerprint = 'never opened'
  #openedAt = Number.NEGATIVE_INFINITY
  #tickedAt: number | undefined
  #hasFailed = false
  /** What was said last about each link. */
  readonly #heldAs = new Map<string, string>()

  constructor(options: AnnounceOptions) {
    this.#options = options
    this.#notice = quietly(options.onNotice, options.clock.monotonicMs)
    this.#gate = this.#newGate()
  }

  /** Look at identity and interfaces, and put right what changed. Never rejects. */
  async tick(): Promise<void> {
    await this.#orNotice('Cannot read the identity to announce', () => this.#followIdentity())
    await this.#orNotice('Cannot follow the network interfaces', () => this.#followInterfaces())
    const flood = this.#gate.takeFlood()
    if (flood === undefined) return
    this.#notice('flood', `Dropped ${flood.droppedInTotal} mDNS packets, most of them from ${flood.sourceIp}`)
  }

  async #orNotice(failure: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#notice(failure, `${failure}: ${textOf(error)}`)
    }
  }

  async close(): Promise<void> {
    const late = new AbortController()
    const deadline = this.#options.clock.sleep(GOODBYE_MS, late.signal).catch(() => undefined)
    await Promise.race([Promise.all(this.#holders.map(holder => holder.goodbye())), deadline])
    late.abort()
    for (const holder of this.#holders) holder.close()
  }

  async #followIdentity(): Promise<void> {
    const next = await this.#options.current()
    const before = this.#announcement
    if (next === undefined || JSON.stringify(next) === JSON.stringify(before)) return
    this.#announcement = next
    if (before === undefined) return
    if (next.name !== before.name || next.gatewayId !== before.gatewayId) {
      await Promise.all(this.#holders.map(holder => holder.goodbye()))
      this.#attempt = 1
    }
    this.#holdAll({})
  }

  async #followInterfaces(): Promise<void> {
    const { clock, interfaces } = this.#options
    const now = clock.monotonicMs()
    const wallNow = clock.now().getTime()
    const hasSlept = this.#tickedAt !== undefined && Math.abs(wallNow - this.#tickedAt) > TICK_MS + SLEPT_MS
    this.#tickedAt = wallNow
    if (this.#announcement === undefined) return
    const fingerprint = linkFingerprint(interfaces)
    const isChanged = fingerprint !== this.#fingerprint || hasSlept
    const isDue = now - this.#openedAt > (this.#hasFailed ? RETRY_MS : RENEW_MS)
    if (!isChanged && !isDue) return
    const isKnownOurs = !isChanged && !this.#hasFailed
    if (isChanged) this.#heldAs.clear()
    this.#fingerprint = fingerprint
    this.#openedAt = now
    await this.#reopen()
    this.#holdAll({ isKnownOurs })
  }

  async #reopen(): Promise<void> {
    for (const holder of this.#holders) holder.close()
    this.#holders = []
    this.#hasFailed = false
    this.#gate = this.#newGate()
    const opened: Holder[] = []
    for (const at of linkAddresses(this.#options.interfaces)) {
      const { clock } = this.#options
      const onTrouble = (error: unknown) => this.#onTrouble(at.name, error)
      const onHeld = (claim: Claim) => this.#onHeld(at.address, claim)
      const onConflict = (claim: Claim, sourceIp: string) => this.#onConflict(claim, sourceIp)
      try {
        opened.push(await Holder.open({ at, gate: this.#gate, clock, onTrouble, onHeld, onConflict }))
      } catch (error) {
        onTrouble(error)
      }
    }
    if (opened.length === 0)
      this.#notice('no link', 'Cannot announce: no network interface to do it on; waiting for one')
    this.#holders = opened
  }

  #holdAll(options: HoldOptions): void {
    if (this.#announcement === undefined) return
    for (const holder of this.#holders) {
      holder.hold(claimOf(this.#announcement, this.#attempt, addressesOn(holder.at, ownAddresses())), options)
    }
  }

  #onHeld(address: string, { instance }: Claim): void {
    if (this.#heldAs.get(address) === instance) return
    this.#heldAs.set(address, instance)
    this.#notice(`held ${address} ${instance}`, `Announced as "${instance}" on ${address}`)
  }

  #onConflict({ instance }: Claim, sourceIp: string): void {
    const { clock } = this.#options
    const now = clock.monotonicMs()
    this.#conflicts.push(now)
    while ((this.#conflicts[0] ?? now) < now - CONFLICTS.withinMs) this.#conflicts.shift()
    const isMany = this.#conflicts.length >= CONFLICTS.max
    this.#attempt += 1
    this.#notice(
      'conflict',
      `Renaming: "${instance}", or its host name, belongs to the machine at ${sourceIp}`,
    )
    this.#holdAll({ delayMs: isMany ? CONFLICTS.delayMs : 0 })
  }

  #onTrouble(name: string, error: unknown): void {
    this.#hasFailed = true
    this.#notice(
      `trouble ${name}`,
      `Cannot use "${name}": ${textOf(error)}; trying again within ${RETRY_MS / 1000} s`,
    )
  }

  #newGate(): Gate {
    return openGate(
      LIMITS,
      { unmetered: new Set(ownAddresses()), expected: new Set() },
      this.#options.clock.monotonicMs,
    )
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

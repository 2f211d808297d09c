import { hostLabel, instanceLabel } from '../fleet/dns-label.ts'
import { type Announcement, SERVICE_TYPE } from '../fleet/service.ts'
import { compareRecords, isSameName, type MdnsPacket, type MdnsRecord, recordKey } from './mdns-record.ts'

/** Asked by browsers of everything: which service types are there? (RFC 6763 section 9) */
const TYPE_ENUMERATION = '_services._dns-sd._udp.local'
/** Seconds; RFC 6762 section 10: 120 for records that name a host, 75 minutes for the others. */
const HOST_TTL = 120
const OTHER_TTL = 4500

/** The records of this machine on one link. */
export type Claim = {
  readonly instance: string
  readonly host: string
  /** Points others at our instance; every machine has one of this name. */
  readonly pointer: MdnsRecord
  /** "The service type exists here"; equal on every machine. */
  readonly typePointer: MdnsRecord
  /** Owned by us alone: SRV, TXT, A. */
  readonly unique: readonly MdnsRecord[]
  /** What our names do not have. */
  readonly negative: readonly MdnsRecord[]
}

/**
 * The records for an announcement on one link.
 *
 * @param attempt    1, and one more after each name conflict
 * @param addresses  our addresses in the link's subnet, on whichever interface
 */
export function claimOf(announcement: Announcement, attempt: number, addresses: readonly string[]): Claim {
  const instance = `${instanceLabel(announcement.name, attempt)}.${SERVICE_TYPE}`
  const host = `${hostLabel(announcement.gatewayId, attempt)}.local`
  const items = announcement.txt.map(item => Buffer.from(item))
  const { port } = announcement
  const own = { ttl: HOST_TTL, unique: true }
  return {
    instance,
    host,
    pointer: { type: 'PTR', name: SERVICE_TYPE, ttl: OTHER_TTL, unique: false, target: instance },
    typePointer: { type: 'PTR', name: TYPE_ENUMERATION, ttl: OTHER_TTL, unique: false, target: SERVICE_TYPE },
    unique: [
      { ...own, type: 'SRV', name: instance, port, target: host, priority: 0, weight: 0 },
      { ...own, type: 'TXT', name: instance, ttl: OTHER_TTL, items },
      ...addresses.map((address): MdnsRecord => ({ ...own, type: 'A', name: host, address })),
    ],
    negative: [
      { ...own, type: 'NSEC', name: instance, ttl: OTHER_TTL, types: ['TXT', 'SRV'] },
      { ...own, type: 'NSEC', name: host, types: ['A'] },
    ],
  }
}

/** Every record of a claim. */
export const recordsOf = (claim: Claim): readonly MdnsRecord[] => [
  claim.pointer,
  claim.typePointer,
  ...claim.unique,
  ...claim.negative,
]

/** True when both use the same names, so that one can replace the other without asking the network. */
export const hasSameNames = (a: Claim, b: Claim): boolean => a.instance === b.instance && a.host === b.host

/** The question of a probe: may we have these names? The answers we would give go along (RFC 6762 section 8.2). */
export function probeOf(claim: Claim): Pick<MdnsPacket, 'questions' | 'authorities'> {
  // Not as QU: a unicast answer to a port that avahi or mDNSResponder shares with us would reach only one of us.
  const ask = (name: string) => ({ name, type: 'ANY', wantsUnicast: false })
  return { questions: [ask(claim.instance), ask(claim.host)], authorities: claim.unique }
}

const isOurs = (claim: Claim, name: string): boolean =>
  isSameName(name, claim.instance) || isSameName(name, claim.host)

/**
 * Does a response say that somebody else has one of our names?
 *
 * Equal records are no conflict: they are our own, looped back, or a relay's. Of records that differ, all count while
 * we only want the name; once it is ours, those of the types we own (RFC 6762 sections 8.1 and 9).
 */
export function conflictsWith(claim: Claim, { answers, additionals }: MdnsPacket, isHeld: boolean): boolean {
  const keys = new Set(claim.unique.map(recordKey))
  return [...answers, ...additionals].some(
    record =>
      record.ttl > 0 &&
      isOurs(claim, record.name) &&
      !keys.has(recordKey(record)) &&
      (!isHeld || claim.unique.some(own => own.type === record.type && isSameName(own.name, record.name))),
  )
}

/**
 * Two machines probe for one name at once: does the other one win? Records are compared in order, the lexically later
 * data wins, and of equal beginnings the longer list (RFC 6762 section 8.2.1).
 */
export function losesTo(claim: Claim, { authorities }: MdnsPacket): boolean {
  return [claim.instance, claim.host].some(name => {
    const ofName = (records: readonly MdnsRecord[]) =>
      records.filter(record => isSameName(record.name, name)).toSorted(compareRecords)
    const theirs = ofName(authorities)
    return theirs.length > 0 && compareLists(ofName(claim.unique), theirs) < 0
  })
}

function compareLists(ours: readonly MdnsRecord[], theirs: readonly MdnsRecord[]): number {
  for (const [at, own] of ours.entries()) {
    const other = theirs[at]
    if (other === undefined) return 1
    const order = compareRecords(own, other)
    if (order !== 0) return order
  }
  return ours.length - theirs.length
}

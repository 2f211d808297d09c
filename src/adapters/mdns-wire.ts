import { isIpv4 } from '../fleet/service.ts'
import type { MdnsPacket, MdnsQuestion, MdnsRecord } from './mdns-record.ts'

/** A record as the packet library takes and gives it. */
export type WireRecord = {
  readonly name: string
  readonly type: string
  readonly class?: string | undefined
  readonly ttl?: number | undefined
  readonly flush?: boolean | undefined
  readonly data?: unknown
}

/** A packet as the packet library takes and gives it. */
export type WirePacket = {
  readonly id?: number | undefined
  readonly flags?: number | undefined
  readonly questions?:
    | { readonly name: string; readonly type: string; readonly class?: string | undefined }[]
    | undefined
  readonly answers?: WireRecord[] | undefined
  readonly authorities?: WireRecord[] | undefined
  readonly additionals?: WireRecord[] | undefined
}

/** Flag TC of the header. */
const TRUNCATED = 1 << 9

/**
 * Our form of a decoded packet. Records of other classes, and data that is not what its type says, are left out.
 *
 * @returns undefined for what must be ignored: other operations and error answers (RFC 6762 sections 18.3 and 18.11)
 */
export function fromWire(kind: MdnsPacket['kind'], packet: WirePacket): MdnsPacket | undefined {
  const { id = 0, flags = 0, questions = [], answers = [], authorities = [], additionals = [] } = packet
  if (((flags >> 11) & 0xf) !== 0 || (flags & 0xf) !== 0) return undefined
  return {
    kind,
    id,
    isTruncated: (flags & TRUNCATED) !== 0,
    questions: questions.flatMap(question => readQuestion(question)),
    answers: answers.flatMap(readRecord),
    authorities: authorities.flatMap(readRecord),
    additionals: additionals.flatMap(readRecord),
  }
}

/** The library knows no QU bit and shows class IN with it as "UNKNOWN_32769", ANY as "UNKNOWN_33023". */
function readQuestion({
  name,
  type,
  class: kind = 'IN',
}: NonNullable<WirePacket['questions']>[number]): MdnsQuestion[] {
  const wantsUnicast = kind === 'UNKNOWN_32769' || kind === 'UNKNOWN_33023'
  return wantsUnicast || kind === 'IN' || kind === 'ANY'
    ? [{ name, type: type.toUpperCase(), wantsUnicast }]
    : []
}

function readRecord(record: WireRecord): MdnsRecord[] {
  const { name, type, data, ttl = 0, flush = false } = record
  if (record.class !== 'IN') return []
  const base = { name, ttl, unique: flush }
  switch (type) {
    case 'PTR':
      return typeof data === 'string' ? [{ ...base, type, target: data }] : []
    case 'A':
      return typeof data === 'string' && isIpv4(data) ? [{ ...base, type, address: data }] : []
    case 'SRV':
      return readSrv(base, data)
    case 'TXT':
      return Array.isArray(data) ? [{ ...base, type, items: data.filter(item => Buffer.isBuffer(item)) }] : []
    case 'NSEC':
    case 'OPT':
      return []
    default:
      return [{ ...base, type: 'OTHER' }]
  }
}

function readSrv(base: Pick<MdnsRecord, 'name' | 'ttl' | 'unique'>, data: unknown): MdnsRecord[] {
  if (typeof data !== 'object' || data === null || !('target' in data) || !('port' in data)) return []
  const { target, port } = data
  if (typeof target !== 'string' || typeof port !== 'number') return []
  const numberAt = (key: string): number => Number(Reflect.get(data, key)) || 0
  return [{ ...base, type: 'SRV', port, target, priority: numberAt('priority'), weight: numberAt('weight') }]
}

/** The library's form of a packet; fresh objects, because it changes what it is given. */
export function toWire(packet: MdnsPacket): WirePacket {
  return {
    id: packet.id,
    flags: packet.isTruncated ? TRUNCATED : 0,
    questions: packet.questions.map(({ name, type }) => ({ name, type })),
    answers: packet.answers.flatMap(writeRecord),
    authorities: packet.authorities.flatMap(writeRecord),
    additionals: packet.additionals.flatMap(writeRecord),
  }
}

function writeRecord(record: MdnsRecord): WireRecord[] {
  const base = { name: record.name, type: record.type, ttl: record.ttl, flush: record.unique }
  switch (record.type) {
    case 'PTR':
      return [{ ...base, data: record.target }]
    case 'A':
      return [{ ...base, data: record.address }]
    case 'SRV': {
      const { port, target, priority, weight } = record
      return [{ ...base, data: { port, target, priority, weight } }]
    }
    case 'TXT':
      return [{ ...base, data: record.items.map(item => Buffer.from(item)) }]
    case 'NSEC':
      return [{ ...base, data: { nextDomain: record.name, rrtypes: [...record.types] } }]
    case 'OTHER':
      return []
  }
}

import { GATEWAY_TYPE, SERVICE_TYPE } from '../fleet/service.ts'
import { type MdnsPacket, type MdnsRecord, queryPacket } from './mdns-record.ts'

/** Known answers in one packet: below the 1500 bytes of Ethernet. */
const MAX_ANSWER_BYTES = 1200

/**
 * The question for both service types, with known answers over as many packets as they need (RFC 6762
 * section 7.2).
 */
export function browseQueries(known: readonly MdnsRecord[]): MdnsPacket[] {
  const questions = [SERVICE_TYPE, GATEWAY_TYPE].map(name => ({ name, type: 'PTR', wantsUnicast: false }))
  const chunks: MdnsRecord[][] = [[]]
  let room = MAX_ANSWER_BYTES
  for (const record of known) {
    const bytes =
      14 + Buffer.byteLength(record.name) + Buffer.byteLength(record.type === 'PTR' ? record.target : '')
    if (bytes > room) {
      chunks.push([])
      room = MAX_ANSWER_BYTES
    }
    room -= bytes
    chunks.at(-1)?.push({ ...record, unique: false })
  }
  return chunks.map((answers, at) =>
    queryPacket({ questions: at === 0 ? questions : [], answers, isTruncated: at < chunks.length - 1 }),
  )
}

/** Data of the record types we use; every other type only tells that a name is taken. */
export type RecordData =
  | { readonly type: 'PTR'; readonly target: string }
  | {
      readonly type: 'SRV'
      readonly port: number
      readonly target: string
      readonly priority: number
      readonly weight: number
    }
  | { readonly type: 'TXT'; readonly items: readonly Uint8Array[] }
  | { readonly type: 'A'; readonly address: string }
  /** "Of this name there are only these types" (RFC 6762 section 6.1). */
  | { readonly type: 'NSEC'; readonly types: readonly ('A' | 'SRV' | 'TXT')[] }
  | { readonly type: 'OTHER' }

/** One resource record of class IN. Names are labels joined by dots, without the final one. */
export type MdnsRecord = RecordData & {
  readonly name: string
  /** Seconds; 0 says goodbye. */
  readonly ttl: number
  /** Only one machine may own this name and type: sent with the cache-flush bit. */
  readonly unique: boolean
}

export type MdnsQuestion = {
  readonly name: string
  /** `A`, `PTR`, `ANY`, ...; upper case. */
  readonly type: string
  /** The QU bit: the answer may go to the asker alone (RFC 6762 section 5.4). */
  readonly wantsUnicast: boolean
}

/** One packet, as sent or as decoded. */
export type MdnsPacket = {
  readonly kind: 'query' | 'response'
  /** 0 but for legacy askers, who want theirs back (RFC 6762 section 6.7). */
  readonly id: number
  /** More known answers follow in another packet (RFC 6762 section 7.2). */
  readonly isTruncated: boolean
  readonly questions: readonly MdnsQuestion[]
  readonly answers: readonly MdnsRecord[]
  readonly authorities: readonly MdnsRecord[]
  readonly additionals: readonly MdnsRecord[]
}

/** Where a packet came from or goes to. */
export type Endpoint = { readonly address: string; readonly port: number }

const EMPTY = {
  id: 0,
  isTruncated: false,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
} as const

export const queryPacket = (parts: Partial<Omit<MdnsPacket, 'kind'>>): MdnsPacket => ({
  ...EMPTY,
  ...parts,
  kind: 'query',
})
export const responsePacket = (parts: Partial<Omit<MdnsPacket, 'kind'>>): MdnsPacket => ({
  ...EMPTY,
  ...parts,
  kind: 'response',
})

/** DNS names are equal regardless of case (RFC 6762 section 16). */
export const isSameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const TYPE_NUMBER = { A: 1, PTR: 12, TXT: 16, SRV: 33, NSEC: 47, OTHER: 0 } as const

/** Name, type and data as one text: equal texts are equal records, whatever their TTL. */
export const recordKey = (record: MdnsRecord): string =>
  `${record.name.toLowerCase()} ${record.type} ${dataBytes(record).toString('latin1')}`

/**
 * Order of records in a simultaneous probe: by type, then by the bytes of the uncompressed data (RFC 6762 section
 * 8.2). Class is always IN.
 */
export function compareRecords(a: MdnsRecord, b: MdnsRecord): number {
  return TYPE_NUMBER[a.type] - TYPE_NUMBER[b.type] || Buffer.compare(dataBytes(a), dataBytes(b))
}

/** Record data in wire form, names in lower case so that a comparison ignores their case. */
function dataBytes(record: MdnsRecord): Buffer {
  switch (record.type) {
    case 'PTR':
      return nameBytes(record.target)
    case 'SRV': {
      const numbers = Buffer.alloc(6)
      numbers.writeUInt16BE(record.priority & 0xffff, 0)
      numbers.writeUInt16BE(record.weight & 0xffff, 2)
      numbers.writeUInt16BE(record.port & 0xffff, 4)
      return Buffer.concat([numbers, nameBytes(record.target)])
    }
    case 'TXT':
      return Buffer.concat(record.items.flatMap(item => [Buffer.of(item.length & 0xff), item]))
    case 'A':
      return Buffer.from(record.address.split('.').map(Number))
    case 'NSEC':
      return Buffer.from(record.types.join(' '))
    case 'OTHER':
      return Buffer.alloc(0)
  }
}

function nameBytes(name: string): Buffer {
  const labels = name
    .toLowerCase()
    .split('.')
    .map(label => Buffer.from(label))
  return Buffer.concat([...labels.flatMap(label => [Buffer.of(label.length & 0xff), label]), Buffer.of(0)])
}

import { type Claim, claimOf } from '../../src/adapters/mdns-claim.ts'
import { openGate } from '../../src/adapters/mdns-gate.ts'
import { Holder } from '../../src/adapters/mdns-holder.ts'
import {
  type Endpoint,
  type MdnsPacket,
  type MdnsRecord,
  queryPacket,
} from '../../src/adapters/mdns-record.ts'
import { announcementOf, SERVICE_TYPE } from '../../src/fleet/service.ts'
import { anIdentity } from './builders.ts'
import { testClock } from './test-clock.ts'

const LIMITS = { perSecond: 200, burst: 1000, perSourcePerSecond: 20, perSourceBurst: 100 }
export const claim = claimOf(announcementOf(anIdentity()), 1, ['10.0.0.1'])
export const [srv, txt, address] = claim.unique
export const stranger: Endpoint = { address: '10.0.0.9', port: 5353 }

export type Sent = { readonly at: number; readonly packet: MdnsPacket; readonly to: Endpoint | undefined }

/** A holder on a link that goes nowhere: what it sends is written down, what it hears comes from the test. */
export function worldOf() {
  const clock = testClock()
  const sent: Sent[] = []
  const conflicts: string[] = []
  const options = {
    at: { name: 'eth0', address: '10.0.0.1', netmask: '255.255.255.0' },
    gate: openGate(LIMITS, { unmetered: new Set(), expected: new Set() }, clock.monotonicMs),
    clock,
    onConflict: (_: Claim, sourceIp: string) => conflicts.push(sourceIp),
    onHeld: () => {},
    onTrouble: (error: Error) => {
      throw error
    },
  }
  const holder = new Holder(options, {
    at: options.at,
    send: async (packet, to) => void sent.push({ at: clock.monotonicMs(), packet, to }),
    close: () => {},
  })
  const held = async () => {
    holder.hold(claim)
    await clock.advance(5000)
    sent.length = 0
  }
  return { clock, sent, conflicts, holder, held }
}

export const ask = (name: string, type: string, more: Partial<MdnsPacket> = {}) =>
  queryPacket({ questions: [{ name, type, wantsUnicast: false }], ...more })
export const browse = (more: Partial<MdnsPacket> = {}) => ask(SERVICE_TYPE, 'PTR', more)
export const targets = ({ packet }: Sent) => packet.answers.map(record => `${record.type} ${record.name}`)
export const other = (record: MdnsRecord | undefined): MdnsRecord =>
  record?.type === 'SRV'
    ? { ...record, port: 2222 }
    : { type: 'A', name: claim.host, ttl: 120, unique: true, address: '10.0.0.66' }

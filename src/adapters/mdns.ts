import { createSocket, type Socket } from 'node:dgram'
import makeMdns, { type MulticastDNS } from 'multicast-dns'
import { isOnLink, type LinkAddress } from './interfaces.ts'
import type { Endpoint, MdnsPacket } from './mdns-record.ts'
import { fromWire, toWire, type WirePacket } from './mdns-wire.ts'

/** RFC 6762 section 3. */
const MDNS_ADDRESS = '224.0.0.251'
/** RFC 6762 section 3; whoever sends from another port is a simple resolver that wants a legacy answer. */
export const MDNS_PORT = 5353
/** Room for the answers of some hundred machines while this process is busy; the kernel may grant less. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024

export type LinkHandlers = {
  /** Asked before a packet is decoded, when it came from this link's subnet. */
  readonly admits: (sourceIp: string, message: Uint8Array) => boolean
  readonly onPacket: (packet: MdnsPacket, source: Endpoint) => void
  /** The link may be unusable: a send failed, the socket broke. Undecodable packets are not reported. */
  readonly onTrouble: (error: Error) => void
}

/** One open mDNS socket for one subnet. */
export type Link = {
  readonly at: LinkAddress
  /** To everybody, or to one endpoint. Never rejects: failures go to `onTrouble`. */
  readonly send: (packet: MdnsPacket, to?: Endpoint) => Promise<void>
  readonly close: () => void
}

/**
 * Open mDNS on one link.
 *
 * The socket is bound to 0.0.0.0, because one bound to the link's own address hears no multicast on Linux. It therefore
 * hears every interface of the machine, and a packet counts only when this link's subnet holds its source. The socket
 * is ours and not the library's, so that joining can fail without an uncaught exception and a flood is dropped before
 * it is decoded.
 *
 * @throws {Error} of the system when the port is taken exclusively or the interface is gone
 */
export async function openLink(at: LinkAddress, handlers: LinkHandlers): Promise<Link> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  const library = makeMdns({ socket, bind: false, multicast: false })
  library.on('error', handlers.onTrouble)
  // Undecodable packets come as warnings too, by the hundred thousand if somebody likes; they are no trouble.
  library.on('warning', error => (isSystemError(error) ? handlers.onTrouble(error) : undefined))
  const deliver =
    (kind: MdnsPacket['kind']) =>
    (wire: WirePacket, { address, port }: Endpoint) => {
      try {
        const packet = fromWire(kind, wire)
        if (packet !== undefined) handlers.onPacket(packet, { address, port })
      } catch (error) {
        // Nothing that arrives may end the process, not even by a fault of ours.
        handlers.onTrouble(new Error('Cannot handle an mDNS packet', { cause: error }))
      }
    }
  library.on('query', deliver('query'))
  library.on('response', deliver('response'))
  guard(socket, at, handlers)
  try {
    await bind(socket)
    join(socket, at.address)
  } catch (error) {
    close(library)
    throw error
  }
  return { at, send: (packet, to) => send(library, packet, to, handlers), close: () => close(library) }
}

/** Put our gate between the socket and the library's decoder. */
function guard(socket: Socket, at: LinkAddress, { admits }: LinkHandlers): void {
  const decoders = socket.listeners('message')
  socket.removeAllListeners('message')
  socket.on('message', (message, source) => {
    if (!isOnLink(at, source.address) || !admits(source.address, message)) return
    for (const decode of decoders) Reflect.apply(decode, socket, [message, source])
  })
}

function bind(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ port: MDNS_PORT, address: '0.0.0.0' }, () => {
      socket.removeListener('error', reject)
      resolve()
    })
  })
}

function join(socket: Socket, address: string): void {
  socket.addMembership(MDNS_ADDRESS, address)
  socket.setMulticastInterface(address)
  socket.setMulticastTTL(255) // RFC 6762 section 11
  socket.setMulticastLoopback(true) // other programs of this machine listen too
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
  } catch {
    // Some systems refuse more than their limit instead of granting the limit; the default does for a small network.
  }
}

function close(library: MulticastDNS): void {
  try {
    library.destroy()
  } catch {
    // A socket that never opened cannot be closed.
  }
}

function send(
  library: MulticastDNS,
  packet: MdnsPacket,
  to: Endpoint | undefined,
  { onTrouble }: LinkHandlers,
): Promise<void> {
  const wire = toWire(packet)
  return new Promise(resolve => {
    const done = (error: Error | null | undefined) => {
      if (error) onTrouble(error)
      resolve()
    }
    const target = { port: to?.port ?? MDNS_PORT, address: to?.address ?? MDNS_ADDRESS }
    const method = packet.kind === 'query' ? library.query : library.respond
    // Not a plain call: the package's types know no question of type ANY, which probes ask.
    Reflect.apply(method, library, [wire, target, done])
  })
}

const isSystemError = (error: Error): boolean => 'syscall' in error

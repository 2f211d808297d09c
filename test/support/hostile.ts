import { connect, createServer, type Server, type Socket } from 'node:net'

/** A loopback server that does what it is told with every connection, and keeps what it was sent. */
export type HostileServer = Disposable & {
  readonly port: number
  /** Bytes received over all connections so far. */
  readonly received: () => Buffer
  readonly connections: () => number
}

/** Listen on a free loopback port. @param act  called with each connection; errors on it are ignored */
export async function hostileServer(act: (socket: Socket) => void): Promise<HostileServer> {
  const received: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer(socket => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', data => received.push(data))
    act(socket)
  })
  const port = await listening(server)
  return {
    port,
    received: () => Buffer.concat(received),
    connections: () => connections,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** A server between a client and another port that keeps what the client sends. */
export const recordingProxy = (to: number): Promise<HostileServer> =>
  hostileServer(client => {
    const server = connect(to, '127.0.0.1')
    server.on('error', () => client.destroy())
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
    client.pipe(server).pipe(client)
  })

/** A server in the middle that passes everything on and spoils the signature of the key exchange reply (31). */
export const signatureSpoiler = (to: number): Promise<HostileServer> =>
  hostileServer(client => {
    const server = connect(to, '127.0.0.1')
    server.on('error', () => client.destroy())
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
    client.pipe(server)
    server.on('data', data => client.write(data[5] === 31 ? spoiled(data) : data))
  })

function spoiled(packet: Buffer): Buffer {
  const end = 4 + packet.readUInt32BE(0) - (packet[4] ?? 0)
  packet[end - 1] = (packet[end - 1] ?? 0) ^ 1
  return packet
}

/**
 * Numbers of the SSH messages in what a client sent before it began to encrypt (RFC 4253 section 6): 20 is the
 * offer of algorithms, 30 the key exchange, 21 the switch to encryption, 1 a goodbye.
 */
export function plainMessages(sent: Buffer): readonly number[] {
  const numbers: number[] = []
  let at = sent.indexOf('\n') + 1
  while (at + 6 <= sent.length && numbers.at(-1) !== 21) {
    numbers.push(sent[at + 5] ?? 0)
    at += 4 + sent.readUInt32BE(at)
  }
  return numbers
}

/** What the connections of one test may do to a client, each at its own time. */
export const misbehaviours: Readonly<Record<string, (socket: Socket) => void>> = {
  'says nothing': () => {},
  'greets and falls silent': socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
  'drips its greeting for ever': socket => every(socket, 20, () => socket.write('S')),
  'sends lines before its greeting for ever': socket =>
    every(socket, 5, () => socket.write('please wait\r\n')),
  'sends an endless greeting as fast as it can': socket =>
    pour(socket, Buffer.alloc(64 * 1024, `${'x'.repeat(200)}\r\n`)),
  'sends endless short lines as fast as it can': socket => pour(socket, Buffer.alloc(64 * 1024, 'x\r\n')),
  'sends one endless line as fast as it can': socket => pour(socket, Buffer.alloc(64 * 1024, 'x')),
  'greets and then pours zeros': socket => {
    socket.write('SSH-2.0-OpenSSH_9.2\r\n')
    pour(socket, Buffer.alloc(64 * 1024))
  },
  'is no SSH server': socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'greets and claims a huge packet': socket =>
    socket.write('SSH-2.0-OpenSSH_9.2\r\n\x7f\xff\xff\xff\x00\x00', 'latin1'),
  'speaks SSH 1': socket => socket.write('SSH-1.5-old\r\n'),
  'closes at once': socket => socket.end(),
  'resets at once': socket => socket.resetAndDestroy(),
  'is full': socket => socket.end('Exceeded MaxStartups\r\n'),
  'greets and closes': socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
}

function every(socket: Socket, ms: number, act: () => void): void {
  const timer = setInterval(act, ms)
  socket.on('close', () => clearInterval(timer))
}

function pour(socket: Socket, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  }
  socket.on('drain', more)
  more()
}

function listening(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    resolve(typeof address === 'object' && address !== null ? address.port : 0)
  })
  return promise
}

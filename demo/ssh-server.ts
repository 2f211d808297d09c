import { createServer, type Socket } from 'node:net'
import type { Connection, PublicKeyAuthContext, Session } from 'ssh2'
import ssh2 from 'ssh2'
import { DemoProblem } from './problem.ts'
import type { Programs } from './programs.ts'
import { runSession } from './ssh-session.ts'

/** What a machine's SSH server needs to know of it. */
export type SshServerOptions = {
  /** The only login name. */
  readonly user: string
  /** Private host key as OpenSSH writes it. */
  readonly hostKey: string
  /** The shell command a key may run; undefined refuses the login. `asked` is what its owner wants to run. */
  readonly commandFor: (publicBlob: Buffer, asked: string) => string | undefined
  /** Environment of a login, without the variables that SSH adds. */
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly programs: Programs
}

/** A machine's sshd: it comes up on the same port each time. */
export type SshServer = {
  readonly port: () => number
  readonly start: () => Promise<void>
  /** Refuses new connections and drops those that are open. */
  readonly stop: () => Promise<void>
}

const ADDRESS = '127.0.0.1'
/** Another program may get hold of the port while the server is down. */
const RETRY_MS = 3_000

/** An SSH server on loopback, not yet started. */
export function makeSshServer(options: SshServerOptions): SshServer {
  const sockets = new Set<Socket>()
  let port = 0
  let close = async () => {}
  const start = async () => {
    const protocol = new ssh2.Server({ hostKeys: [options.hostKey] }, (client, info) =>
      serve(client, options, `${info.ip} ${info.port} ${ADDRESS} ${port}`),
    )
    // Without noDelay each step of the handshake waits 40 ms for a delayed acknowledgement.
    const server = createServer({ noDelay: true }, socket => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      protocol.injectSocket(socket)
    })
    port = await listen(server, port)
    close = () => new Promise(resolve => server.close(() => resolve()))
  }
  const stop = async () => {
    const closed = close()
    for (const socket of sockets) socket.destroy()
    await closed
    close = async () => {}
  }
  return { port: () => port, start, stop }
}

async function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  const deadline = performance.now() + RETRY_MS
  for (;;) {
    try {
      return await new Promise<number>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, ADDRESS, () => {
          server.off('error', reject)
          const at = server.address()
          resolve(typeof at === 'object' && at !== null ? at.port : 0)
        })
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (performance.now() > deadline)
        throw new DemoProblem(`Cannot open an SSH server on ${ADDRESS}: ${why}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

function serve(client: Connection, options: SshServerOptions, connection: string): void {
  const { user, commandFor, env, cwd, programs } = options
  let key: Buffer | undefined
  client.on('error', () => client.end()) // a client that only looks at the host key leaves in the middle
  client.on('authentication', context => {
    const isKnown =
      context.method === 'publickey' &&
      context.username === user &&
      commandFor(context.key.data, '') !== undefined &&
      isSigned(context)
    if (!isKnown) return context.reject(['publickey'])
    key = context.key.data
    context.accept()
  })
  client.on('session', acceptSession => {
    const session: Session = acceptSession()
    session.on('exec', (accept, reject, { command: asked }) => {
      const command = key === undefined ? undefined : commandFor(key, asked)
      if (command === undefined) return reject()
      const original = command === asked ? {} : { SSH_ORIGINAL_COMMAND: asked }
      const login = { ...env, SSH_CONNECTION: connection, ...original }
      runSession(
        accept(),
        programs.start({ file: '/bin/sh', args: ['-c', command], env: login, cwd }, 'pipe'),
      )
    })
  })
}

/** A client may first ask whether a key would do; only then it signs. */
function isSigned({ key, signature, blob, hashAlgo }: PublicKeyAuthContext): boolean {
  if (signature === undefined) return true
  const parsed = ssh2.utils.parseKey(key.data)
  return !(parsed instanceof Error) && blob !== undefined && parsed.verify(blob, signature, hashAlgo)
}

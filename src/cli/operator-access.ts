import type { PinnedKey } from '../adapters/known-hosts.ts'
import type { OperatorRoute } from '../adapters/operator-route.ts'
import type { OperatorLogin, OperatorRun } from '../adapters/operator-ssh.ts'
import type { ProgramResult } from '../adapters/process.ts'
import { ClawError } from '../fleet/error.ts'
import { isHost } from '../fleet/parse.ts'
import { loginText } from '../fleet/ssh-failure.ts'
import type { ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

/** How the owner names a machine: an address or a Host of his ssh_config; and what he typed beside it. */
export type TypedTarget = {
  readonly user: string
  readonly host: string
  readonly port?: number | undefined
  readonly configFile?: string | undefined
}

/** Where that leads: the address and port other machines reach it by. */
export type Resolved = {
  readonly host: string
  readonly port: number
  readonly alias?: string
  readonly jump?: string
}

/** The owner's own SSH for one run of a program: his configuration, his logins, and host keys as seen that way. */
export type OperatorAccess = AsyncDisposable & {
  /** Look a machine up in the owner's ssh_config; later calls about its address then go the way found here. */
  readonly resolve: <T extends TypedTarget>(target: T) => Promise<T & Resolved>
  /** Stop where other machines could not reach it: they come without the owner's jump hosts. */
  readonly needDirectWay: (at: Resolved) => Promise<void>
  readonly offeredHostKey: (host: string, port: number, type?: string) => Promise<PinnedKey>
  readonly knownHostKeys: (host: string, port: number) => Promise<readonly PinnedKey[]>
  readonly run: (login: OperatorLogin, command: string, options: OperatorRun) => Promise<ProgramResult>
}

/** A jump host may ask for a password, and a person types it. */
const BY_HAND_TIMEOUT_MS = 150_000
const JUMP_TIMEOUT_MS = 30_000

/** Open the owner's SSH; nothing is connected to, and nobody is asked anything without a terminal. */
export async function operatorAccess(
  { settings, store }: Pick<ReadyHome, 'settings' | 'store'>,
  terminal: Terminal,
): Promise<OperatorAccess> {
  const [knownHosts, ssh, operator, way] = await Promise.all([
    import('../adapters/known-hosts.ts'),
    import('../adapters/ssh.ts'),
    import('../adapters/operator-ssh.ts'),
    import('../adapters/operator-route.ts'),
  ])
  const { canAsk } = terminal
  const timeoutMs = settings.pingTimeoutSeconds * 1000
  const routes = new Map<string, OperatorRoute>()
  const routeTo = (host: string, port: number) => routes.get(`${host} ${port}`)
  const logins = operator.openOperatorSsh(canAsk ? login => announceQuestion(login, terminal) : undefined)
  const direct = (host: string, port: number, type?: string) =>
    ssh.offeredHostKey(host, port, { timeoutMs, ...(type === undefined ? {} : { type }) })
  const throughJump = (route: OperatorRoute, type?: string) => {
    if (canAsk) terminal.progress('')
    const bounds = { timeoutMs: canAsk ? BY_HAND_TIMEOUT_MS : JUMP_TIMEOUT_MS, onTerminal: canAsk }
    return way.hostKeyThroughJump(route, { ...bounds, ...(type === undefined ? {} : { type }) })
  }
  return {
    resolve: async target => {
      const route = await way.operatorRoute(target)
      const { host, port, alias, jump } = route
      routes.set(`${host} ${port}`, route)
      return {
        ...target,
        ...{ host, port },
        ...(alias === undefined ? {} : { alias }),
        ...(jump === undefined ? {} : { jump }),
      }
    },
    needDirectWay: async ({ host, port, jump }) => {
      if (jump !== undefined)
        await direct(host, port).catch(error => noDirectWay({ host, port, jump }, error))
    },
    offeredHostKey: async (host, port, type) => {
      const route = routeTo(host, port)
      const key = await (route?.jump === undefined ? direct(host, port, type) : throughJump(route, type))
      const revoked = await (route === undefined
        ? knownHosts.userRevokedKeys(host, port)
        : way.revokedKeysOf(route))
      if (!revoked.some(({ blob }) => blob.equals(key.blob))) return key
      throw revokedKey(`${host}:${port}`, knownHosts.fingerprint(key.blob))
    },
    knownHostKeys: async (host, port) => {
      const route = routeTo(host, port)
      return route === undefined ? knownHosts.userKnownHostKeys(host, port) : way.knownKeysOf(route)
    },
    run: async (login, command, options) => {
      const { alias = await aliasOf(store, login), jump } = routeTo(login.host, login.port) ?? {}
      const way = { ...(alias === undefined ? {} : { alias }), ...(jump === undefined ? {} : { jump }) }
      return logins.run({ ...login, ...way }, command, options)
    },
    [Symbol.asyncDispose]: () => logins[Symbol.asyncDispose](),
  }
}

/** What the owner called an enrolled machine when he added it. */
async function aliasOf(
  store: Pick<ReadyHome['store'], 'peers'>,
  { host, port }: OperatorLogin,
): Promise<string | undefined> {
  const { peers } = await store.peers()
  const alias = peers.find(peer => peer.ip === host && peer.sshPort === port)?.sshAlias
  return isHost(alias) ? alias : undefined
}

function announceQuestion(login: OperatorLogin, { warn }: Terminal): void {
  const { host, alias = host } = login
  const where = loginText({ ...login, host: alias })
  warn(`None of your SSH keys opens "${where}" by itself; ssh asks for a password or passphrase, once`)
}

const revokedKey = (where: string, fingerprint: string): ClawError =>
  new ClawError(
    'host-key-changed',
    `Cannot trust "${where}": your known_hosts revokes the host key ${fingerprint} that it shows; nothing was sent`,
    { hint: 'Give the machine a new host key, or take the "@revoked" line out if it is wrong' },
  )

function noDirectWay({ host, port, jump }: Resolved, error: unknown): never {
  if (!(error instanceof ClawError)) throw error
  throw new ClawError(
    error.code,
    `Cannot enrol "${host}:${port}": you reach it through ${jump}, and machines of the clan need a direct way: ${error.message}`,
    {
      hint: 'Name an address and port at which this machine reaches it directly (same network, VPN, port forward)',
      cause: error,
    },
  )
}

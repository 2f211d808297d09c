import type { PublicKey } from '../fleet/public-key.ts'
import type { OperatorFiles } from './operator-files.ts'
import { quotedPath } from './operator-folder.ts'

/** One login with the owner's own SSH identity: agent, `~/.ssh`, or the files named here. */
export type OperatorLogin = {
  readonly user: string
  /** Address or host name that is connected to. */
  readonly host: string
  readonly port: number
  /** The only host key that is believed. */
  readonly hostKey: PublicKey
  /** What the owner calls it in his ssh_config; its settings there (ProxyJump, IdentityFile, ...) then apply. */
  readonly alias?: string
  /** What of his ssh_config leads there, for messages. */
  readonly jump?: string
  /** Private key file to use instead of the agent's and the default ones. */
  readonly identityFile?: string
  /** ssh_config file to read instead of the user's. */
  readonly configFile?: string
}

/** What a host key is believed under, in a known_hosts file of our own; ssh shows it when it asks for a password. */
export const acceptedName = ({ host, alias = host }: OperatorLogin): string => alias.toLowerCase()

/** ssh's messages are read by program, so they come in English; and no window ever asks for a password. */
export const OPERATOR_ENV = { LC_ALL: 'C', LANGUAGE: undefined, SSH_ASKPASS_REQUIRE: 'never' } as const

/** Seconds a shared connection waits for its next command; bounds what a killed program leaves behind. */
const IDLE_SECONDS = '120'

/** What ssh may ask for on its terminal. */
export type Asking = 'anything' | 'password'

/** Log in, share the connection at `socket` and go to the background. */
export function loginArguments(
  login: OperatorLogin,
  files: OperatorFiles,
  asking?: Asking,
): readonly string[] {
  const options = {
    BatchMode: asking === undefined ? 'yes' : 'no',
    ...(asking === 'password' ? { PreferredAuthentications: 'keyboard-interactive,password' } : {}),
    ControlMaster: 'yes',
    ControlPath: quotedPath(files.socket),
    ControlPersist: IDLE_SECONDS,
  }
  return ['-N', ...target(login, files, options)]
}

/** Run one command over the shared connection. */
export function stepArguments(
  login: OperatorLogin,
  files: OperatorFiles,
  command: string,
): readonly string[] {
  const options = { BatchMode: 'yes', ControlMaster: 'no', ControlPath: quotedPath(files.socket) }
  return [...target(login, files, options), command]
}

/** Ask the shared connection whether it is there, or end it. */
export const controlArguments = (
  { host, configFile }: OperatorLogin,
  { socket }: OperatorFiles,
  order: 'check' | 'exit',
): readonly string[] => [
  ...(configFile === undefined ? [] : ['-F', configFile]),
  ...['-o', `ControlPath=${quotedPath(socket)}`, '-O', order, '--', host],
]

/** What holds whatever the owner's configuration says: ssh takes the first value it meets. */
function guarded(login: OperatorLogin, { knownHosts, identity }: OperatorFiles) {
  const { host, hostKey, alias } = login
  return {
    ...(alias === undefined ? {} : { HostName: host }),
    ConnectTimeout: '10',
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    // Neither counts as a forwarding there: a device of the network, and the owner's Kerberos ticket.
    Tunnel: 'no',
    GSSAPIDelegateCredentials: 'no',
    PermitLocalCommand: 'no',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: quotedPath(knownHosts),
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: acceptedName(login),
    // An RSA key signs with SHA-2 today; its type keeps the old name.
    HostKeyAlgorithms: hostKey.type === 'ssh-rsa' ? 'rsa-sha2-512,rsa-sha2-256' : hostKey.type,
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    RemoteCommand: 'none',
    RequestTTY: 'no',
    LogLevel: 'ERROR',
    ...(identity === undefined ? {} : { IdentitiesOnly: 'yes' }),
  }
}

function target(
  login: OperatorLogin,
  files: OperatorFiles,
  options: Readonly<Record<string, string>>,
): readonly string[] {
  const { user, host, port, alias, configFile } = login
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...Object.entries({ ...options, ...guarded(login, files) }).flatMap(([key, value]) => [
      '-o',
      `${key}=${value}`,
    ]),
    ...(files.identity === undefined ? [] : ['-i', files.identity]),
    ...['-T', '-p', String(port), '-l', user, '--', alias ?? host],
  ]
}

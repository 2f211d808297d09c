import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { field, parseValue } from '../fleet/parse.ts'
import { sshFailure } from '../fleet/ssh-failure.ts'
import { printable } from '../fleet/text.ts'
import { type PinnedKey, pinnedKey, userKnownHostKeys, userRevokedKeys } from './known-hosts.ts'
import { OPERATOR_ENV } from './operator-arguments.ts'
import { operatorFolder, quotedPath } from './operator-folder.ts'
import { runProgram } from './process.ts'

/** A machine as the owner names it: an address, or a Host of his ssh_config. */
export type OperatorTarget = {
  readonly user: string
  readonly host: string
  /** What the ssh_config says, else 22, when absent. */
  readonly port?: number | undefined
  readonly configFile?: string | undefined
}

/** Where the owner's ssh_config leads for one machine. */
export type OperatorRoute = {
  readonly user: string
  readonly host: string
  readonly port: number
  /** The owner's word for it; absent where that is the address itself. */
  readonly alias?: string
  /** What leads there (ProxyJump's hosts, or "a ProxyCommand"); absent for a machine that is reached directly. */
  readonly jump?: string
  /** What it is called in known_hosts, and in which files. */
  readonly knownAs: string
  readonly knownHostsFiles: readonly string[]
  readonly configFile?: string
}

const RESOLVE_TIMEOUT_MS = 10_000
const OFFERED = 'claw-clan-offered'

/**
 * Ask the system's `ssh` where a machine is: HostName, Port, ProxyJump and HostKeyAlias of the owner's ssh_config. A
 * port or user that was typed wins over it, and nothing is connected to.
 *
 * @throws {ClawError} `bad-input` for a file ssh does not accept, or a HostName no machine can be enrolled under;
 *   `command-failed` without an `ssh` program
 */
export async function operatorRoute(target: OperatorTarget): Promise<OperatorRoute> {
  const { user, host: word, port: typed, configFile } = target
  const port = typed === undefined ? [] : ['-p', String(typed)]
  const args = [...configOf(configFile), ...port, '-l', user, '-G', '--', word]
  const { code, stdout, stderr } = await runProgram('ssh', args, {
    timeoutMs: RESOLVE_TIMEOUT_MS,
    env: OPERATOR_ENV,
  })
  if (code !== 0) throw sshFailure(stderr, { user, host: word, port: typed ?? 22 })
  const value = valuesOf(stdout)
  const host = parseValue(field.host, value('hostname') ?? word, `HostName of "${word}" in your ssh_config`)
  const at = { host, port: typed ?? Number(value('port') ?? 22) }
  const jump = jumpOf(value)
  const files = [...filesOf(value('userknownhostsfile')), ...filesOf(value('globalknownhostsfile'))]
  return {
    user,
    ...at,
    ...(host.toLowerCase() === word.toLowerCase() ? {} : { alias: word }),
    ...(jump === undefined ? {} : { jump }),
    knownAs:
      value('hostkeyalias') ?? (at.port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${at.port}`),
    knownHostsFiles: files,
    ...(configFile === undefined ? {} : { configFile }),
  }
}

/** The keys the owner's own known_hosts holds for a machine, under the name that his ssh looks for. */
export const knownKeysOf = ({ knownAs, knownHostsFiles }: OperatorRoute): Promise<readonly PinnedKey[]> =>
  userKnownHostKeys(knownAs, 22, knownHostsFiles)

/** The keys it revokes there. */
export const revokedKeysOf = ({ knownAs, knownHostsFiles }: OperatorRoute): Promise<readonly PinnedKey[]> =>
  userRevokedKeys(knownAs, 22, knownHostsFiles)

/**
 * Which host key a machine behind a jump host shows, and proves to hold. The system's `ssh` makes the way there and
 * stops after the handshake: the machine sees the user's name, and no credential.
 *
 * @param type        ask for this type only; the best one it has when absent
 * @param onTerminal  the jump host may ask for a password there
 * @throws {ClawError} a code of ssh; `ssh-failed` when it has no key of that type
 */
export async function hostKeyThroughJump(
  route: OperatorRoute,
  {
    type,
    timeoutMs,
    onTerminal,
  }: { readonly type?: string; readonly timeoutMs: number; readonly onTerminal: boolean },
): Promise<PinnedKey> {
  using folder = await operatorFolder()
  const file = join(folder.path, 'offered')
  const args = handshakeArguments(route, file, type)
  const { stderr } = await runProgram('ssh', args, { timeoutMs, env: OPERATOR_ENV, onTerminal })
  const [, , base64 = ''] = (await readFile(file, 'utf8').catch(() => '')).split(/\s+/)
  if (base64 !== '') return pinnedKey(Buffer.from(base64, 'base64'))
  throw /no matching host key type/.test(stderr) ? noSuchType(route, type) : sshFailure(stderr, route)
}

function handshakeArguments(route: OperatorRoute, file: string, type: string | undefined): readonly string[] {
  const { user, host, port, alias, configFile } = route
  const no = [
    ...[
      'PubkeyAuthentication',
      'PasswordAuthentication',
      'KbdInteractiveAuthentication',
      'GSSAPIAuthentication',
    ],
    ...['HostbasedAuthentication', 'UpdateHostKeys', 'HashKnownHosts', 'CheckHostIP', 'VerifyHostKeyDNS'],
    ...['ForwardAgent', 'ForwardX11', 'PermitLocalCommand', 'ControlMaster', 'RequestTTY'],
  ]
  const options = {
    ...Object.fromEntries(no.map(option => [option, 'no'])),
    ...(alias === undefined ? {} : { HostName: host }),
    ClearAllForwardings: 'yes',
    ControlPath: 'none',
    RemoteCommand: 'none',
    PreferredAuthentications: 'none',
    // Into a file of its own, which is all that is wanted of it.
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: quotedPath(file),
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: OFFERED,
    HostKeyAlgorithms: type === undefined ? ANY_TYPE : (ALGORITHMS[type] ?? type),
    ConnectTimeout: '10',
    // Only so does it say that there is no key of the type.
    LogLevel: 'INFO',
  }
  const given = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  return [...configOf(configFile), ...given, '-N', '-T', '-p', `${port}`, '-l', user, '--', alias ?? host]
}

/** An RSA key signs with SHA-2 today; its type keeps the old name. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'ssh-rsa': 'rsa-sha2-512,rsa-sha2-256' }
const ANY_TYPE = [
  ...['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ...['rsa-sha2-512', 'rsa-sha2-256'],
].join(',')

const configOf = (file: string | undefined): readonly string[] => (file === undefined ? [] : ['-F', file])

type Value = (key: string) => string | undefined

function valuesOf(text: string): Value {
  const lines = text.split('\n').map(line => /^(\S+) (.+)$/.exec(line.trim()) ?? [])
  return key => lines.find(([, name]) => name === key)?.[2]
}

function jumpOf(value: Value): string | undefined {
  const jump = value('proxyjump')
  // ssh puts brackets around every host, not only around IPv6 addresses.
  if (jump !== undefined && jump !== 'none')
    return printable(jump.replace(/\[([^\]:]*)\]/g, '$1')).slice(0, 200)
  const command = value('proxycommand')
  // Its text is the owner's business and may hold a secret.
  return command === undefined || command === 'none' ? undefined : 'a ProxyCommand'
}

/**
 * A list of files: ssh separates them by spaces and does not quote those inside a name. An older OpenSSH leaves the
 * owner's home as `~`; a file that is passed over would be one whose keys do not count.
 */
const filesOf = (text: string | undefined): readonly string[] =>
  text === undefined
    ? []
    : text
        .split(/ (?=[/~])/)
        .map(file => file.replace(/^~(?=\/)/, userInfo().homedir))
        .filter(file => file.startsWith('/'))

const noSuchType = ({ host, port }: OperatorRoute, type: string | undefined): ClawError =>
  new ClawError('ssh-failed', `"${host}:${port}" has no host key of type ${type ?? 'that is known here'}`)

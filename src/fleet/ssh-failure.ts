import { ClawError, type ErrorCode } from './error.ts'
import { shellQuote } from './remote.ts'
import { printable } from './text.ts'

/** A login that was tried, for messages. */
export type Login = {
  readonly user: string
  readonly host: string
  readonly port: number
  /** The owner's word for it in his ssh_config. */
  readonly alias?: string
  /** What of his ssh_config leads there: jump hosts, or "a ProxyCommand". */
  readonly jump?: string
  readonly identityFile?: string
  readonly configFile?: string
}

/** `user@host:port` as messages show it; an IPv6 address in brackets. */
export const loginText = ({ user, host, port }: Login): string =>
  `${user}@${host.includes(':') ? `[${host}]` : host}:${port}`

type Reading = {
  readonly pattern: RegExp
  readonly code: ErrorCode
  readonly what: (login: Login) => string
  readonly hint: (login: Login) => string
}

/** Where SSH is switched on. */
export const REMOTE_LOGIN =
  'on a Mac under System Settings > General > Sharing > Remote Login, on Linux by "sudo systemctl enable --now ssh"'

/** The `ssh-copy-id` line that gives this login our own key; fit to be pasted, whatever the names hold. */
export const copyIdLine = (login: Login): string => `ssh-copy-id ${wayText(login)}`

/** The `ssh` line that logs in as we do, with a command behind it. */
const sshLine = (login: Login, flags = ''): string => `ssh ${flags}${wayText(login)} true`

function wayText({ user, host, port, alias, identityFile, configFile }: Login): string {
  const words = [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    // A Host of the ssh_config may mean another port than the one that was typed.
    ...(port === 22 && alias === undefined ? [] : ['-p', String(port)]),
    `${user}@${alias ?? host}`,
  ]
  return words.map(shellWord).join(' ')
}

/** One word of a command to paste, quoted where a shell would read more into it. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word))

const READINGS: readonly Reading[] = [
  {
    pattern: /host key verification failed|remote host identification has changed|no matching host key type/i,
    code: 'host-key-changed',
    what: () => 'its host key is not the one that was accepted a moment ago',
    hint: () => 'Somebody may stand between you and it: check the fingerprint on its own screen',
  },
  {
    pattern: /unprotected private key|bad permissions|load key .*: /i,
    code: 'bad-key',
    what: () => 'the private key file cannot be used',
    hint: () => 'Check that the file of --identity is a private key and readable by you only (chmod 600)',
  },
  {
    pattern:
      /bad configuration option|terminating, \d+ bad configuration|can't open user config file|no such identity/i,
    code: 'bad-input',
    what: () => 'the file of --ssh-config or --identity is not what ssh accepts',
    hint: () => 'Correct the file or leave the flag out',
  },
  {
    pattern: /permission denied|too many authentication failures|no more authentication methods/i,
    code: 'auth-denied',
    what: ({ user }) => `it lets "${user}" in with none of your SSH keys`,
    hint: login =>
      `Run "${copyIdLine(login)}" once (without a key yet, "ssh-keygen -t ed25519" before it), then try again; Remote Login must be on and allow this user: ${REMOTE_LOGIN}`,
  },
  {
    pattern: /connection refused/i,
    code: 'ssh-refused',
    what: ({ port }) => `nothing listens on its port ${port}`,
    hint: () => `Switch SSH on there: ${REMOTE_LOGIN}; or name its port with --port`,
  },
  {
    pattern: /timed out during banner|timeout, server|connection to .* timed out/i,
    code: 'ssh-timeout',
    what: () => 'its sshd accepts connections and does not answer',
    hint: () => 'The machine may be overloaded or asleep: look at it, then try again',
  },
  {
    pattern:
      /could not resolve|no route to host|network is unreachable|host is down|timed out|no address associated/i,
    code: 'host-unreachable',
    what: () => 'there is no answer at this address',
    hint: () => 'Check that it is switched on and in the same network, and that the address is right',
  },
  {
    pattern: /kex_exchange_identification|connection (closed|reset)/i,
    code: 'ssh-busy',
    what: () => 'its sshd closed the connection before the login',
    hint: () => 'It may be busy or blocking this address for a while: try again in a minute',
  },
]

/**
 * Tell what the system's `ssh` complained about, in words that name the next step.
 *
 * @param stderr  everything it printed there, in the C locale
 * @see the messages of OpenSSH 8 and 9: sshconnect.c, sshconnect2.c, kex.c, clientloop.c
 */
export function sshFailure(stderr: string, login: Login): ClawError {
  const lines = stderr.split('\n').map(line => printable(line.trim()).slice(0, 200))
  const said = lines.filter(line => line !== '' && !line.startsWith('Warning: Permanently added'))
  const where = `Cannot log in to "${loginText(login)}"`
  if (login.jump !== undefined && ON_THE_WAY.test(said.at(-1) ?? '')) return lostOnTheWay(said, login, where)
  const reading = READINGS.find(({ pattern }) => pattern.test(stderr))
  if (reading !== undefined) {
    return new ClawError(reading.code, `${where}: ${reading.what(login)}`, { hint: reading.hint(login) })
  }
  return new ClawError('ssh-failed', `${where}: ${said.at(-1) ?? 'ssh ended without a word'}`, {
    hint: `Try "${sshLine(login, '-v ')}" to see where it stops`,
  })
}

/** ssh's own last words when the program that makes the way ended before the other sshd greeted. */
const ON_THE_WAY = /^kex_exchange_identification:|banner exchange:|UNKNOWN port \d+$/

/** The jump host, or its way on, failed: what was printed before is its own ssh's. */
function lostOnTheWay(said: readonly string[], login: Login, where: string): ClawError {
  const { jump = '' } = login
  const refused = said.find(line => /^channel \d+: open failed:/.test(line))
  if (refused !== undefined) {
    const why = refused.replace(/^channel \d+: open failed: (connect failed: )?/, '')
    const code = /refused/i.test(why) ? 'ssh-refused' : 'host-unreachable'
    return new ClawError(code, `${where}: the jump host on the way, ${jump}, does not reach it: ${why}`, {
      hint: 'Check its address as the jump host sees it, that it is switched on, and that Remote Login is on there',
    })
  }
  const why = said.findLast(line => !ON_THE_WAY.test(line)) ?? 'it ended without a word'
  // A person at a terminal may answer what it asks for.
  const code = /permission denied/i.test(why) ? 'auth-denied' : 'ssh-failed'
  return new ClawError(code, `${where}: the way through the jump host, ${jump}, fails: ${why}`, {
    hint: `Run "${sshLine(login)}" in a terminal, settle what it says, then try again`,
  })
}

import { ClawError, type ErrorCode } from './error.ts'

/** A login that was tried, for messages. */
export type Login = { readonly user: string; readonly host: string; readonly port: number }

/** `user@host:port` as messages show it; an IPv6 address in brackets. */
export const loginText = ({ user, host, port }: Login): string =>
  `${user}@${host.includes(':') ? `[${host}]` : host}:${port}`

type Reading = {
  readonly pattern: RegExp
  readonly code: ErrorCode
  readonly what: (login: Login) => string
  readonly hint: (login: Login) => string
}

const switchedOn =
  'on a Mac under System Settings > General > Sharing > Remote Login, on Linux by "sudo systemctl enable --now ssh"'

/** The `ssh-copy-id` line that gives this login our own key. */
export const copyIdLine = ({ user, host, port }: Login): string =>
  `ssh-copy-id ${port === 22 ? '' : `-p ${port} `}${user}@${host}`

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
      `Run "${copyIdLine(login)}" once, then try again; Remote Login must be on and allow this user: ${switchedOn}`,
  },
  {
    pattern: /connection refused/i,
    code: 'ssh-refused',
    what: ({ port }) => `nothing listens on its port ${port}`,
    hint: () => `Switch SSH on there: ${switchedOn}; or name its port with --port`,
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
  const reading = READINGS.find(({ pattern }) => pattern.test(stderr))
  const where = `Cannot log in to "${loginText(login)}"`
  if (reading !== undefined) {
    return new ClawError(reading.code, `${where}: ${reading.what(login)}`, { hint: reading.hint(login) })
  }
  const last = stderr.trim().split('\n').at(-1)?.trim() ?? ''
  return new ClawError(
    'ssh-failed',
    `${where}: ${last === '' ? 'ssh ended without a word' : last.slice(0, 200)}`,
    {
      hint: `Try "ssh -v -p ${login.port} ${login.user}@${login.host} true" to see where it stops`,
    },
  )
}

import { rmSync } from 'node:fs'
import { access, constants, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { type PublicKey, publicKeyText } from '../fleet/public-key.ts'
import { loginText, sshFailure } from '../fleet/ssh-failure.ts'
import { type ProgramResult, runProgram } from './process.ts'

/** One login with the owner's own SSH identity: agent, `~/.ssh`, or the files named here. */
export type OperatorLogin = {
  readonly user: string
  readonly host: string
  readonly port: number
  /** The only host key that is believed. */
  readonly hostKey: PublicKey
  /** Private key file to use instead of the agent's and the default ones. */
  readonly identityFile?: string
  /** ssh_config file to read instead of the user's. */
  readonly configFile?: string
}

/** sshd closed or never spoke: ssh's own exit code, which none of our programs uses. */
const SSH_FAILED = 255

const ALIAS = 'claw-clan-accepted'

/**
 * Run one command on another machine with the owner's own login, through the system's `ssh`: it knows the owner's
 * agent, keys, configuration and jump hosts.
 *
 * Nothing is asked, nothing is forwarded, no shared connection is used, and no key but the accepted one is
 * believed, whatever the owner's configuration says. A command that runs and exits non-zero is a result.
 *
 * @param command    a constant; all data goes through `input`, so that none of it shows in a process list
 * @param timeoutMs  bound on connect, login and command together, in milliseconds
 * @throws {ClawError} `auth-denied`, `host-unreachable`, `ssh-refused`, `ssh-timeout`, `ssh-busy`,
 *   `host-key-changed`, `bad-key`, `bad-input`, `ssh-failed`; `command-failed` without an `ssh` program
 */
export async function runAsOperator(
  login: OperatorLogin,
  command: string,
  { input, timeoutMs }: { readonly input: string; readonly timeoutMs: number },
): Promise<ProgramResult> {
  if (login.identityFile !== undefined) await checkReadable(login.identityFile)
  await using folder = await temporaryFolder()
  const knownHosts = join(folder.path, 'known_hosts')
  await writeFile(knownHosts, `${ALIAS} ${publicKeyText(login.hostKey)}\n`, { mode: 0o600 })
  // ssh's messages are read by program, so they must come in English.
  const env = { LC_ALL: 'C', LANGUAGE: undefined }
  try {
    const result = await runProgram('ssh', sshArguments(login, knownHosts, command), {
      input,
      timeoutMs,
      env,
    })
    if (result.code === SSH_FAILED) throw sshFailure(result.stderr, login)
    return result
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'timeout') throw error
    throw new ClawError('ssh-timeout', `Cannot finish SSH to "${loginText(login)}" within ${timeoutMs} ms`, {
      hint: 'The machine may be overloaded or asleep: look at it, then try again',
      cause: error,
    })
  }
}

/** A folder for ssh to read from, gone afterwards, also when the owner gives up with Ctrl-C. */
async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'claw-clan-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  const onSignal = (signal: NodeJS.Signals) => {
    remove()
    process.kill(process.pid, signal) // nobody listens any more: it ends as it would have
  }
  for (const signal of ENDING) process.once(signal, onSignal)
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const signal of ENDING) process.off(signal, onSignal)
      remove()
    },
  }
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** ssh itself goes on without a key file it cannot read, and then says only that nobody let it in. */
async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK)
  } catch (cause) {
    throw new ClawError('bad-key', `Cannot use the private key file "${file}": it cannot be read`, {
      hint: 'Name the private half of a key pair, the file without ".pub"',
      cause,
    })
  }
}

function sshArguments(login: OperatorLogin, knownHosts: string, command: string): readonly string[] {
  const { user, host, port, hostKey, identityFile, configFile } = login
  const options = {
    BatchMode: 'yes',
    ConnectTimeout: '10',
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    // A connection shared through the owner's configuration would skip the check of the host key.
    ControlMaster: 'no',
    ControlPath: 'none',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: `"${knownHosts.replaceAll('%', '%%')}"`,
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: ALIAS,
    // An RSA key signs with SHA-2 today; its type keeps the old name.
    HostKeyAlgorithms: hostKey.type === 'ssh-rsa' ? 'rsa-sha2-512,rsa-sha2-256' : hostKey.type,
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    RemoteCommand: 'none',
    RequestTTY: 'no',
    LogLevel: 'ERROR',
    ...(identityFile === undefined ? {} : { IdentitiesOnly: 'yes' }),
  }
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...['-T', '-p', String(port), '-l', user, '--', host, command],
  ]
}

import type { OperatorLogin } from './operator-arguments.ts'
import {
  type ByHand,
  type OperatorConnection,
  type OperatorRun,
  operatorConnection,
} from './operator-connection.ts'
import { beforeGivingUp } from './operator-folder.ts'
import type { ProgramResult } from './process.ts'

export type { OperatorLogin } from './operator-arguments.ts'
export type { OperatorRun } from './operator-connection.ts'

/** Commands on other machines with the owner's own logins; each login is made once, and all end together. */
export type OperatorSsh = AsyncDisposable & {
  readonly run: (login: OperatorLogin, command: string, options: OperatorRun) => Promise<ProgramResult>
}

/**
 * Run commands on other machines with the owner's own login, through the system's `ssh`: it knows the owner's agent,
 * keys, configuration and jump hosts.
 *
 * Nothing is forwarded, no connection that somebody else opened is used, and no key but the accepted one is believed,
 * whatever the owner's configuration says; only a KnownHostsCommand of his, which older versions of ssh do not know
 * and stop at, can name further keys. A command that runs and exits non-zero is a result. Commands of one login
 * share one connection, so a password is typed once; it goes from the terminal to ssh and never through this program.
 *
 * `run` takes a constant as its command; all data goes through `stdin`, so that none of it shows in a process list.
 * It throws {ClawError} `auth-denied`, `host-unreachable`, `ssh-refused`, `ssh-timeout`, `ssh-busy`,
 * `host-key-changed`, `bad-key`, `bad-input`, `ssh-failed`; `command-failed` without an `ssh` program.
 *
 * @param beforeAsking  lets ssh ask for a password or passphrase on the terminal when no key opens, one machine at a
 *   time, and is called before; absent without a terminal
 */
export function openOperatorSsh(beforeAsking?: (login: OperatorLogin) => void): OperatorSsh {
  const opening = new Map<string, Promise<OperatorConnection>>()
  const open = new Set<OperatorConnection>()
  const leave = () => {
    for (const connection of open) connection.leave()
  }
  const given = beforeGivingUp(leave)
  const byHand = beforeAsking === undefined ? undefined : oneAtATime(beforeAsking)
  const connect = async (login: OperatorLogin) => {
    const connection = await operatorConnection(login, byHand)
    open.add(connection)
    return connection
  }
  return {
    run: async (login, command, options) => {
      const key = JSON.stringify(login)
      const connection = opening.get(key) ?? connect(login)
      opening.set(key, connection)
      return (await connection).run(command, options)
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(opening.values())
      given[Symbol.dispose]()
      leave()
    },
  }
}

function oneAtATime(beforeAsking: (login: OperatorLogin) => void): ByHand {
  let last: Promise<unknown> = Promise.resolve()
  return (login, ask) => {
    const turn = last.then(() => {
      beforeAsking(login)
      return ask()
    })
    last = turn.catch(() => {})
    return turn
  }
}

/** As `OperatorSsh.run`, for one command: the connection ends with it. */
export async function runAsOperator(
  login: OperatorLogin,
  command: string,
  options: OperatorRun,
): Promise<ProgramResult> {
  await using ssh = openOperatorSsh()
  return await ssh.run(login, command, options)
}

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
export type { ByHand, OperatorRun } from './operator-connection.ts'

/** Commands on other machines with the owner's own logins; each login is made once, and all end together. */
export type OperatorSsh = AsyncDisposable & {
  readonly run: (login: OperatorLogin, command: string, options: OperatorRun) => Promise<ProgramResult>
}

/**
 * Run commands on other machines with the owner's own login, through the system's `ssh`: it knows the owner's agent,
 * keys, configuration and jump hosts.
 *
 * Nothing is forwarded, no connection that somebody else opened is used, and no key but the accepted one is believed,
 * whatever the owner's configuration says. A command that runs and exits non-zero is a result. Commands of one login
 * share one connection, so a password is typed once; it goes from the terminal to ssh and never through this program.
 *
 * `run` takes a constant as its command; all data goes through `stdin`, so that none of it shows in a process list.
 * It throws {ClawError} `auth-denied`, `host-unreachable`, `ssh-refused`, `ssh-timeout`, `ssh-busy`,
 * `host-key-changed`, `bad-key`, `bad-input`, `ssh-failed`; `command-failed` without an `ssh` program.
 *
 * @param byHand  lets ssh ask for a password or passphrase on the terminal when no key opens; absent without one
 */
export function openOperatorSsh(byHand?: ByHand): OperatorSsh {
  const opening = new Map<string, Promise<OperatorConnection>>()
  const open = new Set<OperatorConnection>()
  const leave = () => {
    for (const connection of open) connection.leave()
  }
  const given = beforeGivingUp(leave)
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

/** As `OperatorSsh.run`, for one command: the connection ends with it. */
export async function runAsOperator(
  login: OperatorLogin,
  command: string,
  options: OperatorRun,
): Promise<ProgramResult> {
  await using ssh = openOperatorSsh()
  return await ssh.run(login, command, options)
}

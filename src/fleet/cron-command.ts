import { asBytes, type ByteText } from './marked-block.ts'
import { shellQuote } from './remote.ts'

/** A program to start from a crontab. */
export type CronJob = {
  /** Absolute path of the program, then its arguments; any characters. */
  readonly argv: readonly string[]
  /** Absolute path of the folder of logs; made where it is missing. */
  readonly logs: string
  /** File in that folder that takes all output. Plain letters. */
  readonly log: `${string}.log`
}

/**
 * The command field of a crontab line that starts a program with exactly these arguments.
 *
 * All data are arguments of a constant script for /bin/sh, so it does not matter which SHELL the crontab names, and
 * what the program or its launcher prints ends in the log, also where no mail is delivered. Whatever the umask, the
 * log is its owner's alone.
 *
 * @throws {ClawError} `bad-input` for text with a NUL
 * @see crontab(5): `%` ends the command unless escaped, and stands for a line break in what follows it
 */
export function cronCommand({ argv, logs, log }: CronJob): ByteText {
  const script = `umask 077; mkdir -p "$0"; exec "$@" >>"$0"/${log} 2>&1`
  const command = ['/bin/sh', '-c', script, logs, ...argv].map(cronArgument).join(' ')
  // A crontab line cannot hold a line break, but what cron gives a command on stdin can.
  return [logs, ...argv].some(text => text.includes('\n')) ? `/bin/sh%${command}` : command
}

/** One argument as it stands in a crontab line. */
export function cronArgument(text: string): ByteText {
  const word = /^[\w@%+=:,./-]+$/.test(text) ? text : shellQuote(text)
  // Crons differ on `\\` and `\%`, so no backslash of a word stands before a backslash or `%`.
  const apart = word.replaceAll(/\\(?=[\\%])/g, "\\''")
  return asBytes(apart.replaceAll('%', '\\%').replaceAll('\n', '%'))
}

import { ClawError } from './error.ts'
import { shellQuote } from './remote.ts'

/** What a program printed on another machine, and how it ended. */
export type RemoteRun = {
  readonly code: number
  readonly stdout: string
  /** The last line of what it complained about; empty when it did not. */
  readonly complaint: string
}

/**
 * Text for the stdin of `/bin/sh -s` that runs one program without input.
 *
 * All of it stands between braces, so a shell that got only a part runs nothing; every word is quoted.
 *
 * @param words  absolute path of a program, and its arguments
 * @param nonce  hex digits; tells our lines from what the login shell's start files print
 */
export function runScript(words: readonly string[], nonce: string): string {
  if (!/^[0-9a-f]{16,64}$/.test(nonce)) throw new TypeError('a nonce is hex digits')
  const command = words.map(shellQuote).join(' ')
  return `{\nprintf '\\nclaw-clan-run %s\\n' ${nonce}\n${command} </dev/null\nprintf '\\nclaw-clan-ran %s %s\\n' ${nonce} "$?"\nexit\n}\n`
}

/**
 * Read what `runScript` printed.
 *
 * @throws {ClawError} `bad-answer` when the program did not run there to its end
 */
export function parseRun(stdout: string, stderr: string, nonce: string): RemoteRun {
  const head = `\nclaw-clan-run ${nonce}\n`
  const begin = stdout.indexOf(head)
  const end = new RegExp(`\\nclaw-clan-ran ${nonce} (\\d{1,3})\\n`).exec(stdout)
  if (begin < 0 || end === null) {
    throw new ClawError('bad-answer', 'Logged in, but the remote shell did not run what it was given', {
      hint: 'The connection may have been cut: try again',
    })
  }
  return {
    code: Number(end[1]),
    stdout: stdout.slice(begin + head.length, end.index),
    complaint: stderr.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '',
  }
}

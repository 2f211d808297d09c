import { ClawError, type ErrorCode } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import { print } from './print.ts'

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  'bad-input': 2,
  'missing-answer': 2,
  // Nobody vouched for a host key: an answer is missing, and the hint names the flags that give it.
  'host-key-unknown': 2,
  'unknown-peer': 2,
  'not-set-up': 3,
  busy: 75,
}

/** Print one failure, in text or JSON, and return its exit code. What is no ClawError is our bug and keeps its stack. */
export function report(error: unknown, program: string, json: boolean): number {
  const known = error instanceof ClawError
  const code = known ? error.code : 'bug'
  const message = known
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error)
  const hint = known ? error.hint : 'This is a fault of claw-clan: please report it with the lines above'
  if (json) {
    print(
      JSON.stringify(
        { schema: 1, error: { code, message, ...(hint === undefined ? {} : { hint }) } },
        undefined,
        2,
      ),
    )
  } else {
    const next = hint === undefined ? '' : `\n  next: ${printable(hint)}`
    process.stderr.write(`${program}: ${printable(message)}${next}\n`)
  }
  return known ? (EXIT_CODES[error.code] ?? 1) : 1
}

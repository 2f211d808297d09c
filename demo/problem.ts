/** Something the demo cannot go on after: one line for the person, and what the failed program printed. */
export class DemoProblem extends Error {
  override readonly name = 'DemoProblem'
  readonly output: string

  constructor(message: string, output = '') {
    super(message)
    this.output = output.trim()
  }
}

/** @throws {DemoProblem} saying what was expected, unless it is so */
export function demand(isSo: boolean, expected: string, output = ''): void {
  if (!isSo) throw new DemoProblem(`Expected ${expected}`, output)
}

/** Exit codes of programs that a signal ended, as shells report them. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Somebody wants the demo to end now. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number

  constructor(signal: keyof typeof EXIT_CODES) {
    super(`Ended by ${signal}`)
    this.exitCode = EXIT_CODES[signal]
  }
}

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

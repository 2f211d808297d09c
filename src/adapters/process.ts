export type ProgramOptions = {
  /** Bound on the whole run, in milliseconds; afterwards the program and what it started are ended. */
  readonly timeoutMs: number
  /** Given on stdin, which is closed after it; empty when absent. */
  readonly input?: string
  /** Added to our own environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly signal?: AbortSignal
}

export type ProgramResult = { readonly code: number; readonly stdout: string; readonly stderr: string }

export async function runProgram(
  _file: string,
  _args: readonly string[],
  _options: ProgramOptions,
): Promise<ProgramResult> {
  throw new Error('not written yet')
}

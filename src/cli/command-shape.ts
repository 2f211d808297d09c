import type { ClawError } from '../fleet/error.ts'
import type { Options, Values } from './option.ts'
import type { Terminal } from './terminal.ts'

/** What a run gets to work with. */
export type Run<O extends Options> = {
  readonly options: Values<O>
  readonly positionals: readonly string[]
  readonly json: boolean
  readonly quiet: boolean
  readonly home: string | undefined
  readonly terminal: Terminal
}

/** A run that was not made because another one is under way; the exit code is 0. */
export type Skipped = {
  readonly skipped: { readonly program: string; readonly since: string; readonly message: string }
}

/** What a render function may use besides the result. */
export type View<O extends Options> = {
  readonly terminal: Terminal
  readonly quiet: boolean
  readonly options: Values<O>
}

/** One program, or one subcommand of one. */
export type Command<O extends Options, R> = {
  /** As it is typed: `claw-ping`, `claw-setup-ssh add`. */
  readonly name: string
  readonly summary: string
  /** What follows the name and comes before the options; empty for nothing. */
  readonly operands?: string
  /** Least and most words after the name; none by default. */
  readonly arity?: readonly [number, number]
  readonly options: O
  readonly example: string
  /** What to do when it fails: one or two sentences. */
  readonly failure: string
  readonly run: (run: Run<O>) => Promise<R | Skipped>
  /** Text for people, without a final newline; empty prints nothing. */
  readonly render: (result: R, view: View<O>) => string
  /** In text mode, lines for stdout when it fails; the message itself goes to stderr. */
  readonly renderFailure?: (error: ClawError) => string
  /** Work nobody waits for, done when the result is printed; what it throws is shown and fails nothing. */
  readonly afterwards?: (result: R, run: Run<O>) => Promise<void>
  /** 0 unless the result says otherwise (`claw-status --check`). */
  readonly exitCode?: (result: R, options: Values<O>) => number
}

/** A program with subcommands: the first word chooses. */
export type CommandGroup = {
  readonly name: string
  readonly summary: string
  /** What runs where the first word is an option or missing; without it a subcommand is needed. */
  readonly bare?: AnyCommand
  readonly commands: Readonly<Record<string, AnyCommand>>
}

/** A command whose own option and result types are forgotten, so that a group can hold several. */
export type AnyCommand = {
  readonly name: string
  readonly summary: string
  /** @param furtherHelp  lines for the end of its `--help` */
  readonly execute: (argv: readonly string[], furtherHelp?: string) => Promise<number>
}

/** A question whose answer is text. */
export type TextQuestion = {
  readonly message: string
  /** What Enter alone answers. */
  readonly initial: string
  /** Throws `bad-input` for what is not allowed; the person is told and asked again. */
  readonly check: (text: string) => unknown
}

export type Choice<T extends string> = { readonly value: T; readonly label: string; readonly hint?: string }

/** A person at a terminal. Everything throws `cancelled` when he pressed Ctrl-C. */
export type Asker = {
  readonly text: (question: TextQuestion) => Promise<string>
  readonly yesNo: (message: string, initial: boolean) => Promise<boolean>
  /** @returns any number of them, none included */
  readonly choose: <T extends string>(message: string, choices: readonly Choice<T>[]) => Promise<readonly T[]>
  /** Shown to the person, not asked. */
  readonly tell: (title: string, text: string) => void
  readonly warn: (text: string) => void
}

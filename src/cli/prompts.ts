import {
  type CANCEL_SYMBOL,
  confirm,
  intro,
  isCancel,
  log,
  multiselect,
  note,
  outro,
  text,
} from '@clack/prompts'
import type { Asker } from '../actions/asker.ts'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import type { Terminal } from './terminal.ts'

export type PromptingAsker = Asker & {
  /** Close what the questions drew, before the result is printed; nothing where none was asked. */
  readonly end: () => void
}

/**
 * Ask the person at this terminal. Loaded only when there is somebody to ask: `claw-setup --help` starts without it.
 *
 * @param consequence  what Ctrl-C means: "nothing was written"
 */
export function openAsker(consequence: string, { progress }: Pick<Terminal, 'progress'>): PromptingAsker {
  let isOpen = false
  const open = () => {
    progress('')
    if (!isOpen) intro('Enter takes the answer shown, Ctrl-C leaves')
    isOpen = true
  }
  const answerOf: AnswerOf = async prompt => {
    open()
    using ending = atEndOfInput()
    const given = await prompt(ending.signal)
    if (isCancel(given)) throw new ClawError('cancelled', `Cancelled: ${consequence}`)
    return given
  }
  return {
    ...questions(answerOf),
    tell: (title, body) => {
      open()
      note(printable(body), printable(title), { format: line => line })
    },
    warn: line => {
      open()
      log.warn(printable(line))
    },
    end: () => {
      progress('')
      if (isOpen) outro()
      isOpen = false
    },
  }
}

/** Show one prompt and give its answer. @throws {ClawError} `cancelled` */
type AnswerOf = <T>(prompt: (signal: AbortSignal) => Promise<T | typeof CANCEL_SYMBOL>) => Promise<T>

const questions = (answerOf: AnswerOf): Pick<Asker, 'text' | 'yesNo' | 'choose'> => ({
  text: async ({ message, initial, check }) => {
    const answer = await answerOf(signal =>
      text({
        signal,
        message: printable(message),
        placeholder: printable(initial),
        defaultValue: initial,
        validate: typed => complaint(() => check(answerIn(typed, initial))),
      }),
    )
    return answerIn(answer, initial)
  },
  yesNo: (message, initial) =>
    answerOf(signal => confirm({ signal, message: printable(message), initialValue: initial })),
  choose: async (message, choices) => {
    const options = choices.map(({ value, label, hint }) => ({
      value,
      label: printable(label),
      ...(hint === undefined ? {} : { hint: printable(hint) }),
    }))
    // Its types cannot follow a list of options whose values are one of a few words.
    const answer = await answerOf(signal =>
      multiselect<string>({ signal, message: printable(message), options, required: false }),
    )
    return choices.map(({ value }) => value).filter(value => answer.includes(value))
  },
})

/**
 * Ctrl-D and a terminal that is gone end the input: the prompt then waits for nothing any more, and Node would leave
 * without a word, with exit code 0.
 */
function atEndOfInput(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const end = () => controller.abort()
  process.once('beforeExit', end)
  process.stdin.once('end', end)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('beforeExit', end)
      process.stdin.off('end', end)
    },
  }
}

/** White space around an answer is never meant; nothing at all is the default. */
function answerIn(typed: string | undefined, initial: string): string {
  const trimmed = (typed ?? '').trim()
  return trimmed === '' ? initial : trimmed
}

/** What is wrong with an answer, for the line below it; undefined when nothing is. */
function complaint(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof ClawError) return error.message
    throw error
  }
}

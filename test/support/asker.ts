import type { Asker } from '../../src/actions/asker.ts'
import { ClawError } from '../../src/fleet/error.ts'

/** What a person does at one question: an answer, the default, or Ctrl-C. */
export type Reply = string | boolean | readonly string[] | 'default' | 'ctrl-c'

export type ScriptedAsker = Asker & {
  /** Every question, in order. */
  readonly asked: readonly string[]
  /** Everything said and not asked. */
  readonly told: readonly string[]
}

/**
 * A person who answers each question by the first rule whose pattern is in it; without one he presses Enter.
 *
 * A text that is not allowed is answered again by the next reply of a list.
 */
export function scriptedAsker(rules: readonly (readonly [RegExp, Reply])[] = []): ScriptedAsker {
  const asked: string[] = []
  const told: string[] = []
  const left = [...rules]
  const replyTo = (question: string): Reply => {
    asked.push(question)
    const at = left.findIndex(([pattern]) => pattern.test(question))
    const [rule] = at === -1 ? [] : left.splice(at, 1)
    if (rule?.[1] === 'ctrl-c') throw new ClawError('cancelled', 'Cancelled')
    return rule?.[1] ?? 'default'
  }
  return {
    asked,
    told,
    text: async ({ message, initial, check }) => {
      for (;;) {
        const reply = replyTo(message)
        const text = typeof reply !== 'string' || reply === 'default' ? initial : reply
        try {
          check(text)
          return text
        } catch (error) {
          if (!(error instanceof ClawError)) throw error
          told.push(error.message)
        }
      }
    },
    yesNo: async (message, initial) => {
      const reply = replyTo(message)
      return typeof reply === 'boolean' ? reply : initial
    },
    choose: async (message, choices) => {
      const reply = replyTo(message)
      return choices
        .map(({ value }) => value)
        .filter(value => typeof reply === 'object' && reply.some(word => word === value))
    },
    tell: (title, text) => void told.push(`${title}: ${text}`),
    warn: text => void told.push(text),
  }
}

import { ClawError } from '../fleet/error.ts'
import { idKey } from '../fleet/parse.ts'
import type { Asker, Choice } from './asker.ts'
import { identityIn, QUESTIONS, type Question, readAnswer, type SetupAnswers } from './setup-answers.ts'
import type { CurrentAnswers, Former } from './setup-former.ts'
import { leadWarning } from './setup-warnings.ts'

/** What a person is asked, short and long; the short words head the list of answers as well. */
export const WORDS: Readonly<Record<Question, { readonly short: string; readonly long: string }>> = {
  gatewayId: { short: 'gateway id', long: 'Gateway id: the unique name of this machine in the fleet' },
  name: { short: 'name', long: 'Name: as you call this machine' },
  lead: { short: 'lead number', long: 'Lead number, 1 to 9999: the lowest one online leads the fleet' },
  sshUser: { short: 'ssh user', long: 'SSH user: the login name others reach this machine with' },
  repo: { short: 'skills repo', long: 'Git repository of the shared skills, or "none"' },
  mayBeAway: {
    short: 'may be away',
    long: 'May this machine be closed or carried away? Then being offline is no incident',
  },
  allowRestart: {
    short: 'restart allowed',
    long: 'May the fleet leader restart the OpenClaw gateway here when it hangs?',
  },
  ntfy: { short: 'ntfy alerts', long: 'ntfy topic for alerts, as https://ntfy.sh/my-topic, or "none"' },
}

export type AskingMode = {
  /** `--ask`: every question again, the present answers as defaults. */
  readonly again: boolean
  /** Answers were given by flags: beyond them only what was never answered is asked. */
  readonly narrow: boolean
}

/**
 * Ask a person what the flags leave open: at the first setup everything, later what was never asked, and what he
 * chooses to change from the list of present answers.
 *
 * @returns the flags' answers and his
 * @throws {ClawError} `cancelled`; `bad-input` for a flag's answer that is not allowed
 */
export async function askSetup(
  asker: Asker,
  {
    former,
    flags,
    mode,
  }: { readonly former: Former; readonly flags: SetupAnswers; readonly mode: AskingMode },
): Promise<SetupAnswers> {
  identityIn(flags) // before he answers anything, not after
  const open = QUESTIONS.filter(question => flags[question] === undefined)
  const chosen = mode.again || mode.narrow ? [] : await chooseChanges(asker, former, open)
  const asked = open.filter(
    question => mode.again || !former.answered.has(question) || chosen.includes(question),
  )
  let answers = flags
  for (const question of asked) answers = { ...answers, ...(await askOne(asker, question, former)) }
  return answers
}

async function chooseChanges(
  asker: Asker,
  former: Former,
  open: readonly Question[],
): Promise<readonly Question[]> {
  const known = open.filter(question => former.answered.has(question))
  if (former.known === undefined || former.lost !== undefined || known.length === 0) return []
  const choices = known.map((question): Choice<Question> => {
    const answer = shown(question, former.answers)
    return { value: question, label: `${WORDS[question].short.padEnd(16)} ${answer}` }
  })
  return await asker.choose('Present answers. Mark what to change, or press Enter to keep all', choices)
}

/** The answer to one question as people read it. */
export function shown(question: Question, answers: CurrentAnswers): string {
  const value = answers[question]
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value === null ? 'none' : String(value)
}

async function askOne(asker: Asker, question: Question, former: Former): Promise<SetupAnswers> {
  const { answers } = former
  const message = WORDS[question].long
  switch (question) {
    case 'mayBeAway':
    case 'allowRestart':
      return { [question]: await asker.yesNo(message, answers[question]) }
    case 'lead':
      return { lead: await askLead(asker, message, former) }
    case 'gatewayId': {
      const check = (text: string) => checkFreeId(text, former)
      return { gatewayId: await asker.text({ message, initial: answers.gatewayId, check }) }
    }
    default: {
      const initial = shown(question, answers)
      return { [question]: await asker.text({ message, initial, check: readAnswer[question] }) }
    }
  }
}

/** A number another machine has is allowed, and rarely meant. */
async function askLead(asker: Asker, message: string, { answers, taken }: Former): Promise<string> {
  for (;;) {
    const lead = await asker.text({ message, initial: String(answers.lead), check: readAnswer.lead })
    const holder = taken.leads.get(readAnswer.lead(lead))
    if (holder === undefined) return lead
    asker.warn(leadWarning(readAnswer.lead(lead), holder))
    if (await asker.yesNo(`Take ${lead} all the same?`, false)) return lead
  }
}

function checkFreeId(text: string, { taken }: Former): void {
  const id = readAnswer.gatewayId(text)
  if (taken.peers.has(idKey(id)))
    throw new ClawError('bad-input', `"${id}" is an enrolled machine: choose another id`)
}

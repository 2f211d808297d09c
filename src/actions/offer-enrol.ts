import { ClawError } from '../fleet/error.ts'
import type { FoundMachine } from './discover.ts'
import { OFFERS, type OfferDeps, type StepReport } from './offer.ts'
import { readAnswer } from './setup-answers.ts'

/**
 * Enrol the machines that were heard and are not enrolled, as far as the person or a flag wants it.
 *
 * @param heard  undefined when nobody listened
 * @param report  told after each machine, so that leaving half-way loses no word of what was done
 * @throws {ClawError} `cancelled`
 */
export async function enrolFound(
  deps: OfferDeps,
  heard: readonly FoundMachine[] | undefined,
  report: (news: StepReport) => void,
): Promise<void> {
  const strangers = (heard ?? []).filter(({ known }) => known === 'candidate')
  const [first] = strangers
  if (first === undefined) {
    const note = heard === undefined ? 'nobody was looked for' : 'no new machine was heard'
    return report({ step: 'enrol', outcome: 'open', note, next: OFFERS.enrol.next })
  }
  const chosen = await choose(deps, strangers)
  const results: Result[] = []
  for (const machine of chosen) {
    results.push(await enrolOne(deps, machine))
    report(summaryOf(results))
  }
  if (results.length > 0) return
  const declined = deps.wanted.enrol === false || deps.asker !== undefined
  const note = declined ? 'none was chosen' : 'not asked for'
  const next = addCommand(first, deps.sshUser)
  report({ step: 'enrol', outcome: declined ? 'declined' : 'open', note, next })
}

/** What became of one machine; `next` is the command to try again where it failed. */
type Result = { readonly note: string; readonly next: string | null }

function summaryOf(results: readonly Result[]): StepReport {
  const failed = results.filter(({ next }) => next !== null)
  return {
    step: 'enrol',
    outcome: failed.length === 0 ? 'done' : 'failed',
    note: results.map(({ note }) => note).join('; '),
    next: failed[0]?.next ?? null,
  }
}

const addCommand = ({ ip, port }: FoundMachine, user: string): string =>
  `claw-setup-ssh add ${user} ${ip}${port === 22 ? '' : ` --port ${port}`}`

async function choose(
  { wanted, asker }: OfferDeps,
  strangers: readonly FoundMachine[],
): Promise<readonly FoundMachine[]> {
  if (wanted.enrol !== undefined) return wanted.enrol ? strangers : []
  const choices = strangers.map(({ gatewayId, name, ip }) => ({
    value: gatewayId,
    label: `${gatewayId} (${name}) at ${ip}`,
  }))
  const ids: readonly string[] = (await asker?.choose(OFFERS.enrol.question, choices)) ?? []
  return strangers.filter(({ gatewayId }) => ids.includes(gatewayId))
}

async function enrolOne(deps: OfferDeps, machine: FoundMachine): Promise<Result> {
  const { asker, sshUser } = deps
  const message = `Your login name on ${machine.gatewayId}`
  const user = (await asker?.text({ message, initial: sshUser, check: readAnswer.sshUser })) ?? sshUser
  try {
    const { gatewayId } = await deps.enrol(machine, user)
    return { note: `${gatewayId} enrolled`, next: null }
  } catch (error) {
    if (!(error instanceof ClawError) || error.code === 'cancelled') throw error
    asker?.warn(error.message)
    return { note: `${machine.gatewayId}: ${error.message}`, next: addCommand(machine, user) }
  }
}

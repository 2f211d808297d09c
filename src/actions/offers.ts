import { ClawError } from '../fleet/error.ts'
import type { FoundMachine } from './discover.ts'
import { type BashOffer, OFFERS, type OfferDeps, STEPS, type Step, type StepReport } from './offer.ts'
import { enrolFound } from './offer-enrol.ts'

/**
 * Offer the steps that make a machine part of a fleet, one after another, each with a yes or no. One that fails does
 * not stop the others; Ctrl-C leaves the rest open.
 *
 * @returns one report per step
 */
export async function makeOffers(deps: OfferDeps): Promise<readonly StepReport[]> {
  const reports = new Map<Step, StepReport>()
  const report = (news: StepReport) => void reports.set(news.step, news)
  try {
    const { bashVersion, wanted } = deps
    if (bashVersion !== undefined) report(await replaceBash(deps, bashVersion))
    else if (wanted['bash-version']) report(NO_BASH)
    const stays = reports.get('bash-version')?.outcome === 'done' ? [] : (bashVersion?.does ?? [])
    const start = async (step: 'announce' | 'schedule') =>
      stays.includes(step) && wanted[step] === undefined ? left(step) : await startOne(deps, step)
    report(await start('announce'))
    const { heard, ...listening } = await listen(deps)
    report(listening)
    await enrolFound(deps, heard, report)
    report(await check(deps))
    report(await start('schedule'))
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'cancelled') throw error
    for (const step of STEPS) {
      const isOffer = step !== 'bash-version' || deps.bashVersion !== undefined
      if (isOffer && !reports.has(step))
        report({ step, outcome: 'open', note: 'not asked: Ctrl-C', next: OFFERS[step].next })
    }
  }
  return [...reports.values()]
}

/** What `--dry-run` says of the steps that flags ask for. */
export const plannedOffers = (wanted: OfferDeps['wanted']): readonly StepReport[] =>
  STEPS.filter(step => wanted[step]).map(step => ({
    step,
    outcome: 'open',
    note: 'would be done',
    next: OFFERS[step].next,
  }))

const NO_BASH: StepReport = {
  step: 'bash-version',
  outcome: 'already',
  note: 'nothing of it is at work here',
  next: null,
}

/** Yes or no to one step, by flag or by the person; undefined when neither answers. */
async function isWanted({ wanted, asker }: OfferDeps, step: Step): Promise<boolean | undefined> {
  return wanted[step] ?? (await asker?.yesNo(OFFERS[step].question, true))
}

/** The report of a step that was not to be done. */
const notDone = (step: Step, answer: false | undefined): StepReport => ({
  step,
  outcome: answer === false ? 'declined' : 'open',
  note: answer === false ? 'you said no' : 'not asked for',
  next: OFFERS[step].next,
})

async function startOne(deps: OfferDeps, step: 'announce' | 'schedule'): Promise<StepReport> {
  // Without a person or a flag not even a look is taken: a scripted setup starts no other program.
  if (deps.asker === undefined && deps.wanted[step] === undefined) return notDone(step, undefined)
  const present = await orFailure(step, () => deps[step].present())
  if (isReport(present)) return present
  if (present !== undefined) return { step, outcome: 'already', note: present, next: null }
  const answer = await isWanted(deps, step)
  if (!answer) return notDone(step, answer)
  const note = await orFailure(step, () => deps[step].start())
  return isReport(note) ? note : { step, outcome: 'done', note, next: null }
}

/** The report of a step that the bash version goes on doing. */
const left = (step: Step): StepReport => ({
  step,
  outcome: 'open',
  note: 'left to the bash version, which does it',
  next: OFFERS['bash-version'].next,
})

async function replaceBash(deps: OfferDeps, { shown, start }: BashOffer): Promise<StepReport> {
  const { asker, wanted } = deps
  if (wanted['bash-version'] === undefined)
    asker?.tell('The bash version of claw-clan is still at work here', shown)
  const answer = await isWanted(deps, 'bash-version')
  if (!answer) return notDone('bash-version', answer)
  const note = await orFailure('bash-version', start)
  return isReport(note) ? note : { step: 'bash-version', outcome: 'done', note, next: null }
}

/** @returns the report, and the machines heard; undefined when nobody listened */
async function listen(
  deps: OfferDeps,
): Promise<StepReport & { readonly heard: readonly FoundMachine[] | undefined }> {
  const answer = await isWanted(deps, 'discover')
  if (!answer) return { ...notDone('discover', answer), heard: undefined }
  const found = await orFailure('discover', deps.discover)
  if (isReport(found)) return { ...found, heard: undefined }
  const heard = found.filter(({ known }) => known !== 'self')
  const strangers = heard.filter(({ known }) => known === 'candidate').length
  const all = `${heard.length} machine${heard.length === 1 ? '' : 's'} heard`
  const done = { step: 'discover', outcome: 'done', heard } as const
  if (heard.length === 0) return { ...done, note: 'nobody else was heard', next: 'claw-discover 20' }
  return {
    ...done,
    note: `${all}, ${strangers === 0 ? 'all known' : `${strangers} not enrolled`}`,
    next: null,
  }
}

async function check(deps: OfferDeps): Promise<StepReport> {
  if ((await deps.peers()) === 0)
    return { step: 'check', outcome: 'open', note: 'no machine is enrolled yet', next: OFFERS.enrol.next }
  const answer = await isWanted(deps, 'check')
  if (!answer) return notDone('check', answer)
  const asked = await orFailure('check', deps.check)
  if (isReport(asked)) return asked
  const silent = asked.filter(({ outcome }) => outcome !== 'ack')
  const whom = silent.map(({ gatewayId, reason }) => `${gatewayId} (${reason})`).join(', ')
  const note = `${asked.length - silent.length} of ${asked.length} answer${whom === '' ? '' : `; not: ${whom}`}`
  return { step: 'check', outcome: 'done', note, next: silent.length === 0 ? null : OFFERS.check.next }
}

const isReport = (value: unknown): value is StepReport =>
  typeof value === 'object' && value !== null && 'outcome' in value && 'step' in value

/** A step that fails is reported beside the others; leaving by Ctrl-C is not failing. */
async function orFailure<T>(step: Step, work: () => Promise<T>): Promise<T | StepReport> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ClawError) || error.code === 'cancelled') throw error
    const why = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
    return { step, outcome: 'failed', note: why, next: OFFERS[step].next }
  }
}

import type { Asker } from '../actions/asker.ts'
import type { StepReport } from '../actions/offer.ts'
import type { SetupActions } from '../actions/setup-actions.ts'
import type { SetupAnswers } from '../actions/setup-answers.ts'
import { homePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import type { GatewayId } from '../fleet/parse.ts'
import { shownRepository } from '../fleet/repository.ts'
import { subcommand } from './command.ts'
import type { AnyCommand, Run } from './command-shape.ts'
import { type Home, openAnyHome, openHome } from './home.ts'
import { oneRun } from './one-run.ts'
import type { PromptingAsker } from './prompts.ts'
import { renderSetup } from './render-setup.ts'
import { ANSWERS, answersIn, MODE, OFFERS, wantedSteps } from './setup-options.ts'
import { setupParts } from './setup-parts.ts'
import { refuseSharedHome } from './version-deps.ts'

const OPTIONS = { ...ANSWERS, ...OFFERS, ...MODE } as const
type SetupRun = Run<typeof OPTIONS>

/**
 * Bare `claw-setup`: first run and reconfigure.
 *
 * @param load  its use cases, which are half of the project: help starts without them
 */
export const setupCommand = (load: () => Promise<SetupActions>): AnyCommand =>
  subcommand({
    name: 'claw-setup',
    summary:
      'Give this machine its identity, clan key, settings and launchers, then offer to announce it, find and enrol others, and ping by schedule; safe to repeat',
    options: OPTIONS,
    example: 'claw-setup --yes --name "Studio" --lead 1 --register --schedule',
    failure:
      'On a terminal it asks. Without one, and with --yes, it asks nothing and takes only those steps whose flag is given. Nothing is half-written when it fails: correct what the line names and run it again.',
    run: async run => {
      await refuseSharedHome(homePaths(run.home).home)
      await using home = await openAnyHome({ home: run.home, terminal: run.terminal })
      return await setUpMachine(await load(), run, home)
    },
    render: (result, { terminal }) => renderSetup(result, terminal),
    exitCode: ({ steps }) => (steps.some(({ outcome }) => outcome === 'failed') ? 1 : 0),
  })

async function setUpMachine(actions: SetupActions, run: SetupRun, home: Home) {
  const { options, terminal } = run
  const asker = await openPerson(run)
  const parts = await setupParts(home)
  const answers = asker === undefined ? answersIn(options) : await ask(actions, run, { parts, asker })
  const go = async (dryRun: boolean) => {
    const result = await actions.setUp(parts, answers, { takeDefaults: options.yes ?? false, dryRun })
    const { githubRepo } = result.self
    const self = { ...result.self, githubRepo: githubRepo === null ? null : shownRepository(githubRepo) }
    return { ...result, self, home: home.paths.home, steps: [] as readonly StepReport[] }
  }
  // Bad answers must not even leave a lock file behind, so all is checked before anything is written.
  const plan = await go(true)
  if (options['dry-run']) return { ...plan, steps: actions.plannedOffers(wantedSteps(options)) }
  const noWait = options['no-wait'] ?? false
  const done = await oneRun({ home, program: 'claw-setup', terminal, noWait, run: () => go(false) })
  if ('skipped' in done) return done
  const moved = await moveSchedule(actions, run, done.formerId)
  // Who changes one answer of a machine long set up is not led through everything.
  const person = isNarrow(options) && !done.firstTime ? undefined : asker
  const steps = await offer(actions, run, person)
  asker?.end()
  const notice = steps.length > 0 ? [] : await bashNotice(home)
  return { ...done, steps, warnings: [...done.warnings, ...moved, ...notice] }
}

/** What runs under the id of before goes on under the new one. */
async function moveSchedule(
  actions: SetupActions,
  { home: given, terminal }: SetupRun,
  formerId: GatewayId | null,
): Promise<readonly string[]> {
  if (formerId === null) return []
  await using home = await openHome({ home: given, terminal })
  const { renameSchedule } = await import('./renamed-schedule.ts')
  return await renameSchedule(actions, { home, terminal, formerId })
}

/** The person at this terminal; undefined where nobody is to be asked. */
async function openPerson({ terminal, json, options }: SetupRun): Promise<PromptingAsker | undefined> {
  if (!terminal.canAsk || json || options.yes || options['dry-run']) {
    if (!options.ask) return undefined
    throw new ClawError(
      'bad-input',
      '--ask needs a person: a terminal, and none of --yes, --json, --dry-run',
      {
        hint: 'Give the answers by their flags',
      },
    )
  }
  return (await import('./prompts.ts')).openAsker('nothing was written', terminal)
}

type Asking = { readonly parts: Awaited<ReturnType<typeof setupParts>>; readonly asker: Asker }

/** The flags' answers, and those of the person for what they leave open. */
async function ask(
  { askSetup, readFormer }: SetupActions,
  { options }: SetupRun,
  { parts, asker }: Asking,
): Promise<SetupAnswers> {
  const flags = answersIn(options)
  const mode = { again: options.ask ?? false, narrow: isNarrow(options) }
  return await askSetup(asker, { former: await readFormer(parts), flags, mode })
}

/** Flags say what is to be changed: then nothing else is brought up. */
const isNarrow = (options: SetupRun['options']): boolean =>
  Object.values(answersIn(options)).some(answer => answer !== undefined)

/** The offers, unless there is nobody to take them and no flag that does. */
async function offer(
  actions: SetupActions,
  { options, terminal, home: given }: SetupRun,
  asker: Asker | undefined,
): Promise<readonly StepReport[]> {
  const wanted = wantedSteps(options)
  const byFlag = Object.values(wanted).some(answer => answer !== undefined)
  if (asker === undefined && !byFlag) return []
  await using home = await openHome({ home: given, terminal })
  const { offerDeps } = await import('./setup-offers.ts')
  return await actions.makeOffers(await offerDeps(actions, { home, terminal, asker, wanted }))
}

/** Where nothing was offered, whoever reads this is still told that two versions are at work. */
async function bashNotice({ paths }: Home): Promise<readonly string[]> {
  const { bashScripts } = await import('../adapters/bash-scripts.ts')
  const isThere = bashScripts(paths).some(({ state }) => state === 'theirs')
  return isThere
    ? ['The bash version is still in this home: claw-setup --replace-bash puts ours in its place']
    : []
}

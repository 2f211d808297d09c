import type { askSetup } from '../actions/ask-setup.ts'
import type { setUp } from '../actions/setup.ts'
import type { SetupAnswers } from '../actions/setup-answers.ts'
import type { readFormer } from '../actions/setup-former.ts'
import { shownRepository } from '../fleet/repository.ts'
import { subcommand } from './command.ts'
import type { AnyCommand, Run } from './command-shape.ts'
import { type Home, openAnyHome } from './home.ts'
import { oneRun } from './one-run.ts'
import { renderSetup } from './render-setup.ts'
import { ANSWERS, answersIn, MODE } from './setup-options.ts'
import { setupParts } from './setup-parts.ts'

/** The use cases behind bare `claw-setup`. */
export type SetupActions = {
  readonly askSetup: typeof askSetup
  readonly readFormer: typeof readFormer
  readonly setUp: typeof setUp
}

const OPTIONS = { ...ANSWERS, ...MODE } as const
type SetupRun = Run<typeof OPTIONS>

/** Bare `claw-setup`: first run and reconfigure. */
export const setupCommand = (actions: SetupActions): AnyCommand =>
  subcommand({
    name: 'claw-setup',
    summary:
      'Give this machine its identity, clan key, settings and launchers; safe to repeat. Asks on a terminal',
    options: OPTIONS,
    example: 'claw-setup --yes --name "Studio" --lead 1',
    failure: 'Nothing is half-written when it fails: correct what the line names and run it again.',
    run: async run => {
      await using home = await openAnyHome({ home: run.home, terminal: run.terminal })
      return await setUpMachine(actions, run, home)
    },
    render: (result, { terminal }) => renderSetup(result, terminal),
  })

async function setUpMachine(actions: SetupActions, run: SetupRun, home: Home) {
  const { options, terminal } = run
  const parts = await setupParts(home)
  const answers = await answersFor(actions, run, parts)
  const go = async (dryRun: boolean) => {
    const result = await actions.setUp(parts, answers, { takeDefaults: options.yes ?? false, dryRun })
    const { githubRepo } = result.self
    const self = { ...result.self, githubRepo: githubRepo === null ? null : shownRepository(githubRepo) }
    return { ...result, self, home: home.paths.home }
  }
  // Bad answers must not even leave a lock file behind, so all is checked before anything is written.
  const plan = await go(true)
  if (options['dry-run']) return plan
  const noWait = options['no-wait'] ?? false
  return await oneRun({ home, program: 'claw-setup', terminal, noWait, run: () => go(false) })
}

/** The flags' answers, and on a terminal those of the person there. */
async function answersFor(
  { askSetup, readFormer }: SetupActions,
  { options, terminal, json }: SetupRun,
  parts: Awaited<ReturnType<typeof setupParts>>,
): Promise<SetupAnswers> {
  const flags = answersIn(options)
  if (!terminal.canAsk || json || options.yes || options['dry-run']) return flags
  const { openAsker } = await import('./prompts.ts')
  const narrow = Object.values(flags).some(answer => answer !== undefined)
  const mode = { again: options.ask ?? false, narrow }
  const former = await readFormer(parts)
  return await askSetup(
    openAsker(() => 'nothing was written'),
    { former, flags, mode },
  )
}

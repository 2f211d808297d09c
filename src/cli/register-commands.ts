import type {
  lookAtAnnouncement,
  restartAnnouncing,
  startAnnouncing,
  stopAnnouncing,
} from '../actions/keep-announced.ts'
import { ClawError } from '../fleet/error.ts'
import type { Register } from './announcer.ts'
import { subcommand } from './command.ts'
import type { AnyCommand } from './command-shape.ts'
import { openAnyHome, openHome, type ReadyHome } from './home.ts'
import { keepAnnouncedDeps, stopAnnouncingDeps } from './keep-announced-deps.ts'
import type { Options } from './option.ts'
import { runRegister } from './register-run.ts'
import { type JobPlan, renderAnnouncement, renderStart, renderStop } from './render-register.ts'

/** The use cases behind the subcommands. */
export type RegisterActions = {
  readonly registerMachine: Register
  readonly startAnnouncing: typeof startAnnouncing
  readonly restartAnnouncing: typeof restartAnnouncing
  readonly stopAnnouncing: typeof stopAnnouncing
  readonly lookAtAnnouncement: typeof lookAtAnnouncement
}

const DRY_RUN = {
  'dry-run': { type: 'boolean', help: 'Show what would be written; changes nothing' },
} as const satisfies Options

/** The subcommands of `claw-register`. */
export const registerCommands = (actions: RegisterActions): Readonly<Record<string, AnyCommand>> => ({
  start: start(actions.startAnnouncing, 'start'),
  stop: stop(actions),
  status: status(actions),
  restart: start(actions.restartAnnouncing, 'restart'),
  run: run(actions),
})

const SUMMARIES = {
  start:
    'Keep this machine announced from now on: launchd or systemd starts it at boot or login and keeps it',
  restart: 'End the announcing process and start it anew, with the installed version and the settings of now',
}

const start = (act: typeof startAnnouncing, verb: 'start' | 'restart') =>
  subcommand({
    name: `claw-register ${verb}`,
    summary: SUMMARIES[verb],
    options: DRY_RUN,
    example: `claw-register ${verb}`,
    failure:
      'It says done only when the network tells of this machine. Without launchd and systemd keep "claw-register run" running by what you have.',
    run: async ({ options, terminal, home: given }) => {
      await using home = await openHome({ home: given, terminal })
      const deps = await keepAnnouncedDeps(home, terminal)
      if (options['dry-run'] === true) return planOf(deps)
      if (deps.keepAlive.manager === 'launchd') await keepForeignAgent(home)
      return await act(deps)
    },
    render: (result, { terminal, quiet }) =>
      quiet && 'announced' in result && result.warnings.length === 0 ? '' : renderStart(result, terminal),
  })

const stop = ({ stopAnnouncing }: RegisterActions) =>
  subcommand({
    name: 'claw-register stop',
    summary: 'End the announcement, and do not start it again at boot',
    options: DRY_RUN,
    example: 'claw-register stop',
    failure: 'It says so where a process goes on that launchd or systemd does not keep.',
    run: async ({ options, terminal, home: given }) => {
      await using home = await openAnyHome({ home: given, terminal }, true)
      const deps = await stopAnnouncingDeps(home)
      if (options['dry-run'] !== true) return stopAnnouncing(deps)
      const { keepAlive } = deps
      const file = keepAlive.manager === 'none' ? null : keepAlive.file
      const isInstalled = keepAlive.manager !== 'none' && (await keepAlive.state()).isInstalled
      return { dryRun: true as const, manager: keepAlive.manager, file: isInstalled ? file : null }
    },
    render: (result, { quiet }) => {
      if ('stopped' in result) return quiet && result.process === null ? '' : renderStop(result)
      return result.file === null
        ? 'Nothing to stop'
        : `Would end it and remove ${result.file} (${result.manager})`
    },
  })

const status = ({ lookAtAnnouncement }: RegisterActions) =>
  subcommand({
    name: 'claw-register status',
    summary: 'Tell whether the network really hears this machine, and what keeps it announced',
    options: {
      check: { type: 'boolean', help: 'Exit with 1 unless it is announced and comes back by itself' },
    },
    example: 'claw-register status --json',
    failure: 'It listens for at most 4 s. What is wrong is said with its next step.',
    run: async ({ terminal, home: given }) => {
      await using home = await openHome({ home: given, terminal }, true)
      return lookAtAnnouncement(await keepAnnouncedDeps(home, terminal))
    },
    render: (state, { terminal, quiet }) =>
      quiet && state.warnings.length === 0 ? '' : renderAnnouncement(state, terminal),
    exitCode: (state, { check }) =>
      check === true && !(state.announced && state.startsAt !== 'never') ? 1 : 0,
  })

const run = ({ registerMachine }: RegisterActions) =>
  subcommand({
    name: 'claw-register run',
    summary: 'Keep this machine announced on the network, in the foreground, until SIGTERM or Ctrl-C',
    options: {
      'no-wait': { type: 'boolean', help: 'When it is already announced from here, exit 75 at once' },
    },
    example: 'claw-register run',
    failure:
      'Network trouble never ends it: it degrades, says so on stderr and tries again. Exit 3: run claw-setup.',
    run: async ({ options, terminal, home: given, json, quiet }) => {
      await using home = await openHome({ home: given, terminal })
      return await runRegister(home, { noWait: options['no-wait'] ?? false, json, quiet }, registerMachine)
    },
    render: ({ gatewayId }, { quiet }) => (quiet ? '' : `${gatewayId} is no longer announced`),
  })

/** The bash version's job has the name that ours takes. */
async function keepForeignAgent({ paths, clock }: ReadyHome): Promise<void> {
  const { bashAgent, keepBashAgent } = await import('../adapters/bash-agent.ts')
  const agent = bashAgent()
  if (agent !== undefined) keepBashAgent(agent, paths.backups, clock.now())
}

function planOf({ keepAlive }: Awaited<ReturnType<typeof keepAnnouncedDeps>>): JobPlan {
  if (keepAlive.manager === 'none')
    throw new ClawError('no-keeper', `Cannot keep this machine announced: ${keepAlive.reason}`, {
      hint: keepAlive.hint,
    })
  return { dryRun: true, manager: keepAlive.manager, file: keepAlive.file, text: keepAlive.text() }
}

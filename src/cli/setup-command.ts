import type { setUp } from '../actions/setup.ts'
import { subcommand } from './command.ts'
import type { AnyCommand } from './command-shape.ts'
import { openAnyHome } from './home.ts'
import { NO_WAIT, oneRun } from './one-run.ts'
import { renderSetup } from './render.ts'
import { setupParts } from './setup-parts.ts'

/** The use cases behind bare `claw-setup`. */
export type SetupActions = { readonly setUp: typeof setUp }

/** Bare `claw-setup`: first run and reconfigure. */
export const setupCommand = ({ setUp }: SetupActions): AnyCommand =>
  subcommand({
    name: 'claw-setup',
    summary: 'Give this machine its identity, clan key, settings and launchers; safe to repeat',
    options: {
      'gateway-id': {
        type: 'string',
        value: 'ID',
        help: 'Unique name of this machine (default: its host name)',
      },
      name: { type: 'string', value: 'TEXT', help: "Friendly name (default: the computer's name)" },
      lead: {
        type: 'string',
        value: 'N',
        help: 'Lead number 1..9999, lowest online leads (default: lowest free)',
      },
      'ssh-user': {
        type: 'string',
        value: 'USER',
        help: 'Login name others reach this machine with (default: you)',
      },
      repo: { type: 'string', value: 'URL', help: 'Git repository of the shared skills (default: none)' },
      port: { type: 'string', value: 'N', help: "Port of this machine's own sshd (default: 22)" },
      yes: { type: 'boolean', help: 'Answer every open question with its default' },
      'dry-run': { type: 'boolean', help: 'Show what would be written and write nothing' },
      ...NO_WAIT,
    },
    example: 'claw-setup --yes --name "Studio" --lead 1',
    failure: 'Nothing is half-written when it fails: correct what the line names and run it again.',
    run: async ({ options, terminal, home: given }) => {
      await using home = await openAnyHome({ home: given, terminal })
      const { 'gateway-id': gatewayId, 'ssh-user': sshUser, name, lead, repo, port } = options
      const answers = { gatewayId, name, lead, sshUser, repo, port }
      const parts = await setupParts(home)
      const go = async (write: boolean) => {
        const result = await setUp(parts, answers, options.yes ?? false, !write)
        return { ...result, home: home.paths.home }
      }
      // Bad answers must not even leave a lock file behind, so all is checked before anything is written.
      const plan = await go(false)
      if (options['dry-run']) return plan
      const noWait = options['no-wait'] ?? false
      return oneRun({ home, program: 'claw-setup', terminal, noWait, run: () => go(true) })
    },
    render: (result, { terminal }) => renderSetup(result, { ...terminal, home: result.home }),
  })

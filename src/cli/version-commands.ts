import type { activateVersion, rollBack } from '../actions/activate.ts'
import type { Activation } from '../actions/make-current.ts'
import type { renewAnnouncing } from '../actions/renew-announcing.ts'
import { type HomePaths, homePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { subcommand } from './command.ts'
import type { AnyCommand, Run } from './command-shape.ts'
import type { Options } from './option.ts'
import { activationDocument, renderActivation } from './render-version.ts'
import { alone, type VersionWishes, versionDeps } from './version-deps.ts'

/** The use cases behind `claw-setup activate` and `claw-setup rollback`. */
export type VersionActions = {
  readonly activateVersion: typeof activateVersion
  readonly rollBack: typeof rollBack
  readonly renewAnnouncing: typeof renewAnnouncing
}

/** What the owner may say where a version becomes current. */
export const PLACES = {
  node: {
    type: 'string',
    value: 'PATH',
    help: 'Start the programs with this node (default: one is looked for)',
  },
  'bin-dir': {
    type: 'string',
    value: 'DIR',
    help: 'Link the programs into this folder (default: as before, ~/.local/bin at first)',
  },
  'no-links': { type: 'boolean', help: 'Link the programs nowhere' },
  'dry-run': { type: 'boolean', help: 'Show what would be changed and change nothing' },
} as const satisfies Options

/** The subcommands of `claw-setup` that change the version in use. */
export const versionCommands = (actions: VersionActions): Readonly<Record<string, AnyCommand>> => ({
  activate: activateCommand(actions),
  rollback: rollbackCommand(actions),
})

const activateCommand = ({ activateVersion, renewAnnouncing }: VersionActions) =>
  subcommand({
    name: 'claw-setup activate',
    summary:
      'Make the version this program belongs to the current one, with launchers and links; safe to repeat',
    options: PLACES,
    example: 'claw-setup activate',
    failure:
      'The version of before stays in use when it fails: do what the "next:" line says and run it again.',
    run: async run => {
      const paths = homePaths(run.home)
      const { versionOfProgram } = await import('../adapters/version-folders.ts')
      const name = versionOfProgram(paths, process.argv[1] ?? '')
      if (name === undefined) throw notInstalled(paths)
      const deps = await versionDeps(paths, wishesOf(run.options), run.terminal)
      const work = (dryRun: boolean) => activateVersion(deps, deps.versions.inspect(name), dryRun)
      return activationDocument(await change(run, paths, work), paths, renewAnnouncing)
    },
    render: (done, { quiet }) => (quiet && !done.changed && !done.dryRun ? '' : renderActivation(done)),
  })

const rollbackCommand = ({ rollBack, renewAnnouncing }: VersionActions) =>
  subcommand({
    name: 'claw-setup rollback',
    summary: 'Step back to the version that was in use before; state, settings and peers stay as they are',
    options: PLACES,
    example: 'claw-setup rollback',
    failure: 'The version in use stays when it fails.',
    run: async run => {
      const paths = homePaths(run.home)
      const deps = await versionDeps(paths, wishesOf(run.options), run.terminal)
      const done = await change(run, paths, dryRun => rollBack(deps, dryRun))
      return activationDocument(done, paths, renewAnnouncing)
    },
    render: (done, { quiet }) => (quiet && !done.changed && !done.dryRun ? '' : renderActivation(done)),
  })

type Flags = Run<typeof PLACES>

async function change(
  { options }: Flags,
  paths: HomePaths,
  work: (dryRun: boolean) => Promise<Activation>,
): Promise<Activation> {
  process.umask(0o077) // what is made here, the compile cache included, is the owner's alone
  const dryRun = options['dry-run'] ?? false
  return dryRun ? await work(true) : await alone(paths, () => work(false))
}

/** The flags of `PLACES` as wishes. */
export const wishesOf = (options: Flags['options']): VersionWishes => ({
  node: options.node,
  binDir: options['bin-dir'],
  noLinks: options['no-links'],
})

const notInstalled = ({ home }: HomePaths): ClawError =>
  new ClawError('no-version', `Cannot activate: this program lies in no version of "${home}"`, {
    hint: 'Run "npm run setup" in the clone it comes from',
  })

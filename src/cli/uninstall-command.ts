import type { stopAnnouncing } from '../actions/keep-announced.ts'
import type { Uninstallation, uninstall } from '../actions/uninstall.ts'
import { type HomePaths, homePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { ask } from './ask.ts'
import { subcommand } from './command.ts'
import type { Run } from './command-shape.ts'
import type { Options } from './option.ts'
import { renderUninstall } from './render-uninstall.ts'
import { alone } from './version-deps.ts'

/** The use cases behind `claw-setup uninstall`. */
export type UninstallActions = {
  readonly uninstall: typeof uninstall
  readonly stopAnnouncing: typeof stopAnnouncing
}

/** What the owner may say where claw-clan is removed. */
export const REMOVAL = {
  yes: { type: 'boolean', help: 'Remove programs and data without a question' },
  'keep-data': { type: 'boolean', help: 'Remove the programs, and keep identity, keys, peers and logs' },
  'bin-dir': { type: 'string', value: 'DIR', help: 'Look for links to the programs in this folder too' },
  'dry-run': { type: 'boolean', help: 'Show what would be removed; changes nothing' },
} as const satisfies Options

export const uninstallCommand = (actions: UninstallActions) =>
  subcommand({
    name: 'claw-setup uninstall',
    summary:
      'Remove claw-clan from this machine: schedule, announcement, keys of others, links, programs, data',
    options: REMOVAL,
    example: 'claw-setup uninstall --keep-data',
    failure: 'What is already gone stays gone: do what the "next:" line says and run it again for the rest.',
    run: run => removeFromMachine(run, actions),
    render: renderUninstall,
  })

/** @throws {ClawError} `missing-answer` without a terminal and a flag; `not-set-up` where there is no home of ours */
export async function removeFromMachine(
  { options, terminal, home }: Run<typeof REMOVAL>,
  { uninstall, stopAnnouncing }: UninstallActions,
): Promise<Uninstallation> {
  const paths = homePaths(home)
  const { isClanHome } = await import('../adapters/home-remains.ts')
  if (!isClanHome(paths)) throw nothingHere(paths)
  process.umask(0o077)
  const { uninstallDeps } = await import('./uninstall-deps.ts')
  const deps = await uninstallDeps({ paths, binDir: options['bin-dir'], stopAnnouncing, terminal })
  const keepData = options['keep-data'] ?? false
  const plan = () => uninstall(deps, { keepData, dryRun: true })
  if (options['dry-run']) return await plan()
  let keep = keepData
  if (options.yes !== true && (terminal.canAsk || !keepData)) {
    if (!terminal.canAsk) throw needsAnswer(paths)
    const shown = renderUninstall(await plan())
    terminal.progress('')
    process.stderr.write(`${shown}\n\n`)
    if (!(await ask('Remove claw-clan from this machine?', terminal))) throw refused()
    const data = 'Remove its data too? The clan key and the identity cannot be had back.'
    keep = keepData || !(await ask(data, terminal))
  }
  return await alone(paths, () => uninstall(deps, { keepData: keep, dryRun: false }))
}

const nothingHere = ({ home }: HomePaths): ClawError =>
  new ClawError('not-set-up', `Nothing to remove: "${home}" is no home of claw-clan`, {
    hint: 'Name the home with --home DIR',
  })

const needsAnswer = ({ home }: HomePaths): ClawError =>
  new ClawError('missing-answer', `Cannot ask whether the data in "${home}" may go: this is no terminal`, {
    hint: 'Give --yes to remove all, or --keep-data to keep identity, keys and peers',
  })

const refused = (): ClawError => new ClawError('cancelled', 'Cancelled: nothing was removed')

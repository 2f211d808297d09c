#!/usr/bin/env node
// Puts the claw-clan of this clone on this machine: `npm run setup`, or `node install.ts` under Node >= 24.11.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { $, ProcessOutput } from 'zx'
import { isBuilt } from './scripts/built.ts'
import { rollBack } from './src/actions/activate.ts'
import { type Installation, installVersion } from './src/actions/install.ts'
import { stopAnnouncing } from './src/actions/keep-announced.ts'
import type { Activation } from './src/actions/make-current.ts'
import { renewAnnouncing } from './src/actions/renew-announcing.ts'
import { type Uninstallation, uninstall } from './src/actions/uninstall.ts'
import { type HomePaths, homePaths } from './src/adapters/home-paths.ts'
import { main } from './src/cli/command.ts'
import type { Run } from './src/cli/command-shape.ts'
import { type Clone, installDeps } from './src/cli/install-deps.ts'
import { COMMON, type Options } from './src/cli/option.ts'
import { renderUninstall } from './src/cli/render-uninstall.ts'
import { type ActivationDocument, activationDocument, renderActivation } from './src/cli/render-version.ts'
import { REMOVAL, removeFromMachine } from './src/cli/uninstall-command.ts'
import { PLACES, wishesOf } from './src/cli/version-commands.ts'
import { alone, versionDeps } from './src/cli/version-deps.ts'
import { ClawError } from './src/fleet/error.ts'

const ROOT = import.meta.dirname

const OPTIONS = {
  ...REMOVAL,
  ...PLACES,
  yes: { type: 'boolean', help: 'Ask nothing: --uninstall takes the data too. Installing itself never asks' },
  rollback: { type: 'boolean', help: 'Step back to the version that was in use before' },
  uninstall: { type: 'boolean', help: 'Remove claw-clan from this machine, as claw-setup uninstall does' },
  setup: { type: 'boolean', help: 'Run claw-setup afterwards, with every flag that is not one of these' },
} as const satisfies Options

type Flags = Run<typeof OPTIONS>
type Installed = ActivationDocument & Partial<Pick<Installation, 'bashScripts'>>

const clone: Clone = {
  parts: {
    skills: join(ROOT, 'skills'),
    launchd: join(ROOT, 'launchd'),
    migrations: join(ROOT, 'migrations'),
  },
  dist: async folder => {
    if (isBuilt()) return join(ROOT, 'dist')
    // Beside the new version, not into the clone: two runs at once, or a build by hand, do not meet.
    await build(folder)
    return folder
  },
}

async function build(folder: string): Promise<void> {
  try {
    await $({ cwd: ROOT, quiet: true })`${process.execPath} ${join(ROOT, 'scripts', 'build.ts')} ${folder}`
  } catch (cause) {
    if (!(cause instanceof ProcessOutput)) throw cause
    const lines = stripVTControlCharacters(cause.stderr)
      .split('\n')
      .filter(line => line.trim() !== '')
    const at = lines.findIndex(line => line.startsWith('Error: '))
    const said = (at < 0 ? lines.slice(-1) : lines.slice(at, at + 2)).join(' ')
    throw new ClawError('command-failed', `Cannot build the programs: ${said}`, {
      hint: `Run "npm ci" and then "npm run build" in "${ROOT}"`,
      cause,
    })
  }
}

async function install({ options, terminal }: Flags, paths: HomePaths): Promise<Installation> {
  const dryRun = options['dry-run'] ?? false
  const wishes = { ...wishesOf(options), avoid: [ROOT] }
  if (!isBuilt()) terminal.progress('building the programs')
  const deps = await installDeps({ paths, clone, wishes, dryRun, terminal })
  return dryRun ? installVersion(deps, true) : alone(paths, () => installVersion(deps, false))
}

async function stepBack({ options, terminal }: Flags, paths: HomePaths): Promise<Activation> {
  const deps = await versionDeps(paths, { ...wishesOf(options), avoid: [ROOT] }, terminal)
  return options['dry-run'] ? rollBack(deps, true) : alone(paths, () => rollBack(deps, false))
}

function refuseTogether({ options, json }: Flags): void {
  const jobs = (['rollback', 'setup', 'uninstall'] as const).filter(name => options[name])
  if (jobs.length > 1) throw new ClawError('bad-input', `--${jobs.join(' and --')} do not go together`)
  if (options.setup && json) {
    throw new ClawError('bad-input', '--setup and --json do not go together: two programs would print', {
      hint: 'Run "node install.ts --json", then "claw-setup --json"',
    })
  }
}

const NEXT = 'Next: claw-setup, or say "set up claw-clan" to your OpenClaw agent'

function render(
  done: Installed | Uninstallation,
  { options, quiet }: { readonly options: Flags['options']; readonly quiet: boolean },
): string {
  if ('outside' in done) return renderUninstall(done)
  if (quiet && !done.changed && !done.dryRun) return ''
  const scripts = done.bashScripts ?? []
  return [
    renderActivation(done),
    ...(scripts.length === 0
      ? []
      : [
          `Found the bash version here (${scripts.length} scripts): claw-setup shows its cron lines and`,
          'LaunchAgent and replaces them when you agree. Nothing of it was touched.',
        ]),
    ...(options.setup || done.dryRun || options.rollback ? [] : [NEXT]),
  ].join('\n')
}

/** Which words of the command line are ours; with --setup the others are for claw-setup. */
function splitWords(argv: readonly string[]): { readonly ours: string[]; readonly theirs: string[] } {
  const known: Options = { ...OPTIONS, ...COMMON }
  const ours: string[] = []
  const theirs: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    const [, name = ''] = /^--([^=]+)/.exec(word) ?? []
    const option = Object.hasOwn(known, name) ? known[name] : undefined
    const isShort = word === '-h' || word === '-q'
    const takesNext = option?.type === 'string' && !word.includes('=') && index + 1 < argv.length
    const words = takesNext ? [word, argv[++index] ?? ''] : [word]
    if (option !== undefined || isShort) ours.push(...words)
    else theirs.push(...words)
    if (SHARED.has(name)) theirs.push(...words)
  }
  return { ours, theirs }
}

/** Words that mean the same to claw-setup. */
const SHARED = new Set(['yes', 'home', 'quiet'])

async function start(): Promise<void> {
  process.umask(0o077) // whatever is made here is the owner's alone
  const cwd = process.cwd() // asking for the announcer changes it
  const asked = process.argv.slice(2)
  const { ours, theirs } = asked.includes('--setup') ? splitWords(asked) : { ours: asked, theirs: [] }
  process.argv.splice(2, asked.length, ...ours)
  let launcher: string | undefined
  await main({
    name: 'install.ts',
    summary: 'Install or update claw-clan on this machine; asks nothing, starts nothing new, safe to repeat',
    options: OPTIONS,
    example: 'npm run setup',
    failure:
      'The version of before stays in use when it fails, and state, settings and peers are never touched.',
    run: async (run): Promise<Installed | Uninstallation> => {
      refuseTogether(run)
      if (run.options.uninstall) return removeFromMachine(run, { stopAnnouncing, uninstall })
      const paths = homePaths(run.home)
      const done = run.options.rollback ? await stepBack(run, paths) : await install(run, paths)
      if (run.options.setup && !done.dryRun) launcher = join(paths.bin, 'claw-setup')
      return { ...done, ...(await activationDocument(done, paths, renewAnnouncing)) }
    },
    render,
  })
  if (launcher === undefined) return
  process.stdout.write('\n')
  process.exitCode = spawnSync(launcher, theirs, { cwd, stdio: 'inherit' }).status ?? 1
}

void start()

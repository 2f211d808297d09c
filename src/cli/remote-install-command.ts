import type { installOnPeer } from '../actions/remote-install.ts'
import type { updateFleet } from '../actions/remote-install-all.ts'
import { ClawError } from '../fleet/error.ts'
import { parseWholeNumber } from '../fleet/parse.ts'
import { quoteValue } from '../fleet/text.ts'
import type { Command, Run } from './command-shape.ts'
import type { Options } from './option.ts'
import { remoteDeps } from './remote-install-deps.ts'
import { renderInstall, renderUpdates } from './render-remote-install.ts'
import { LOGIN, ownerFilesIn, readLogin } from './ssh-arguments.ts'
import { changingTrust, withHome } from './with-home.ts'

/** The use cases behind `claw-remote-install`. */
export type RemoteInstallActions = {
  readonly installOnPeer: typeof installOnPeer
  readonly updateFleet: typeof updateFleet
}

const OPTIONS = {
  ...LOGIN,
  'one-way': { type: 'boolean', help: 'It cannot or must not reach this machine: only watch it' },
  node: { type: 'string', value: 'PATH', help: 'Node to use there, absolute (default: it is searched)' },
  'no-register': { type: 'boolean', help: 'Do not keep it announced on the network' },
  'no-schedule': { type: 'boolean', help: 'Do not schedule its keep-alive pings' },
  'dry-run': { type: 'boolean', help: 'Look and say what would be done, and change nothing' },
} as const satisfies Options
type RemoteRun = Run<typeof OPTIONS>

/** One machine by its login, or every enrolled one by the word `all`. */
export const remoteInstallCommand = (actions: RemoteInstallActions) =>
  ({
    name: 'claw-remote-install',
    summary:
      'Put claw-clan on a machine with your own SSH login there and enrol it, or update one and keep its state',
    operands: 'USER HOST [NAME] [ID] [LEAD] | all',
    arity: [1, 5],
    options: OPTIONS,
    example: 'claw-remote-install claw 192.168.1.20 --host-key SHA256:...',
    failure:
      'What was in use there stays in use: do what the "next:" line says and run it again. With "all", a machine that is away is no failure; a version that fails its own test stops the rest.',
    run: run => (isForAll(run) ? updateAll(actions, run) : installOne(actions, run)),
    render: (result, { terminal }) =>
      'peers' in result ? renderUpdates(result, terminal) : renderInstall(result, terminal),
    exitCode: result => ('peers' in result && result.peers.some(({ state }) => FAILED.has(state)) ? 1 : 0),
  }) satisfies Command<typeof OPTIONS, Awaited<ReturnType<typeof updateAll | typeof installOne>>>

const FAILED: ReadonlySet<string> = new Set(['failed', 'not tried'])

function isForAll({ positionals, options }: RemoteRun): boolean {
  if (positionals.length > 1) return false
  if (positionals[0] !== 'all') {
    throw new ClawError('bad-input', 'A host is needed behind the user: claw-remote-install USER HOST', {
      hint: 'To update every enrolled machine, run "claw-remote-install all"',
    })
  }
  const own = (['port', 'host-key', 'accept-new-host-key', 'one-way', 'no-schedule'] as const).find(
    flag => options[flag] !== undefined,
  )
  if (own === undefined) return true
  throw new ClawError('bad-input', `--${own} is for one machine, and "all" are meant: leave it out`)
}

async function installOne({ installOnPeer }: RemoteInstallActions, run: RemoteRun) {
  const [, , , , lead] = run.positionals
  const typed = {
    ...readLogin(run.positionals, run.options),
    ...waysOf(run),
    lead: lead === undefined ? undefined : parseWholeNumber(lead, 1, 9999, 'LEAD'),
    schedule: run.options['no-schedule'] !== true,
    purpose: 'install',
  } as const
  return withHome(run, async home => {
    const deps = await remoteDeps(home, run.terminal, typed.dryRun)
    const request = await deps.resolve(typed)
    await deps.needDirectWay(request)
    return changingTrust(home, run.terminal, () => installOnPeer(deps, request))
  })
}

async function updateAll({ updateFleet }: RemoteInstallActions, run: RemoteRun) {
  const ways = { ...ownerFilesIn(run.options), ...waysOf(run), oneWay: false, schedule: false }
  return withHome(run, async home => {
    const deps = await remoteDeps(home, run.terminal, ways.dryRun)
    const peers = await updateFleet(deps, ways)
    return { version: deps.offered.name, dryRun: ways.dryRun, peers }
  })
}

function waysOf({ options }: RemoteRun) {
  const { node, 'no-register': isSilent = false, 'dry-run': dryRun = false } = options
  if (node !== undefined && !(node.startsWith('/') && isOneLine(node))) {
    throw new ClawError(
      'bad-input',
      `Cannot use ${quoteValue(node)} for --node: it must be an absolute path`,
      {
        hint: 'On that machine "command -v node" prints it',
      },
    )
  }
  return { node, register: !isSilent, dryRun }
}

const isOneLine = (text: string): boolean => !/[\0\n]/.test(text)

import type { forgetPeer } from '../actions/forget.ts'
import type { revokePeer } from '../actions/revoke.ts'
import type { Settled, settlePending } from '../actions/settle-pending.ts'
import type { Departure, forgetEverywhere, revokeEverywhere } from '../actions/tell-fleet.ts'
import { hasGate } from '../fleet/acquaintance.ts'
import { ClawError } from '../fleet/error.ts'
import { field, type GatewayId, idKey, parseValue } from '../fleet/parse.ts'
import { type PendingItem, shownPending } from '../fleet/pending.ts'
import { ask } from './ask.ts'
import { subcommand } from './command.ts'
import type { AnyCommand, Run } from './command-shape.ts'
import type { ReadyHome } from './home.ts'
import type { Options } from './option.ts'
import * as show from './render-departures.ts'
import { DRY_RUN, OWNER_FILES, ownerFilesIn } from './ssh-arguments.ts'
import { sshDeps } from './ssh-deps.ts'
import { changingTrust, withHome } from './with-home.ts'

/** The use cases behind the subcommands that take machines away, and behind what waits. */
export type DepartureActions = {
  readonly forgetEverywhere: typeof forgetEverywhere
  readonly forgetPeer: typeof forgetPeer
  readonly revokeEverywhere: typeof revokeEverywhere
  readonly revokePeer: typeof revokePeer
  readonly settlePending: typeof settlePending
}

/** `forget`, `revoke` and `pending` of `claw-setup-ssh`. */
export const departureCommands = (actions: DepartureActions): Readonly<Record<string, AnyCommand>> => ({
  forget: forget(actions),
  pending: pending(actions),
  revoke: revoke(actions),
})

const REACH = {
  everywhere: { type: 'boolean', help: 'On all other enrolled machines too, by your own login there' },
  'only-here': { type: 'boolean', help: 'On this machine alone' },
  ...OWNER_FILES,
  ...DRY_RUN,
} as const satisfies Options

const forget = ({ forgetPeer, forgetEverywhere }: DepartureActions) =>
  subcommand({
    name: 'claw-setup-ssh forget',
    summary: 'Remove a machine: its record, its pinned host key, its key in authorized_keys',
    operands: 'ID',
    arity: [1, 1],
    options: REACH,
    example: 'claw-setup-ssh forget studio --everywhere',
    failure: 'What is already gone stays gone: run it again for the rest.',
    run: run =>
      depart(run, 'Forget', ({ deps, id, everywhere, files, inTurn }) =>
        inTurn(async () =>
          everywhere ? forgetEverywhere(deps, id, files) : alone(await forgetPeer(deps, id)),
        ),
      ),
    render: (result, { terminal }) => show.renderForgotten(result, terminal),
  })

const revoke = ({ revokePeer, revokeEverywhere }: DepartureActions) =>
  subcommand({
    name: 'claw-setup-ssh revoke',
    summary: 'Lock out a stolen or compromised machine: forget it, and refuse its return until it is added',
    operands: 'ID',
    arity: [1, 1],
    options: REACH,
    example: 'claw-setup-ssh revoke laptop --everywhere',
    failure: 'This machine is the first to let it in no more: run it again for the rest.',
    run: run =>
      // A thief must not profit from an enrolment that waits for a password: nothing here waits for its end.
      depart(run, 'Revoke', async ({ deps, id, everywhere, files, inTurn }) => {
        if (everywhere) return revokeEverywhere({ ...deps, inTurn }, id, files)
        const { revocation: _kept, ...forgotten } = await revokePeer(deps, id)
        return alone(forgotten)
      }),
    render: (result, { terminal }) => show.renderRevoked(result, terminal),
  })

const alone = (forgotten: Awaited<ReturnType<typeof forgetPeer>>): Departure => ({
  ...forgotten,
  told: [],
  itself: null,
})

type DepartRun = Run<typeof REACH>
type Order = {
  readonly deps: Awaited<ReturnType<typeof sshDeps>>
  readonly id: GatewayId
  readonly everywhere: boolean
  readonly files: ReturnType<typeof ownerFilesIn>
  readonly inTurn: <R>(work: () => Promise<R>) => Promise<R>
}

const depart = (run: DepartRun, verb: 'Forget' | 'Revoke', carryOut: (order: Order) => Promise<Departure>) =>
  withHome(run, async home => {
    const id = parseValue(field.gatewayId, run.positionals[0], 'ID')
    const dryRun = run.options['dry-run'] ?? false
    const others = (await home.store.peers()).peers.filter(
      peer => hasGate(peer) && idKey(peer.gatewayId) !== idKey(id),
    )
    const everywhere = await isEverywhere(run, { verb, id, others: others.length })
    const deps = await sshDeps(home, run.terminal, dryRun)
    const files = ownerFilesIn(run.options)
    // Nobody is told of a change that is not made.
    const inTurn = <R>(work: () => Promise<R>) => changingTrust(home, run.terminal, work)
    const departure = await carryOut({ deps, id, everywhere: everywhere && !dryRun, files, inTurn })
    const wouldTell = dryRun && everywhere ? others.map(({ gatewayId }) => gatewayId) : []
    return { ...departure, self: home.self.gatewayId, everywhere, wouldTell, dryRun }
  })

/** Asked on a terminal; without one a flag must say it, unless there is nobody else to tell. */
async function isEverywhere(
  { options, terminal }: DepartRun,
  { verb, id, others }: { readonly verb: string; readonly id: string; readonly others: number },
): Promise<boolean> {
  const { everywhere = false, 'only-here': onlyHere = false } = options
  if (everywhere && onlyHere) throw new ClawError('bad-input', 'Use --everywhere or --only-here, not both')
  if (everywhere || onlyHere || others === 0) return everywhere
  if (!terminal.canAsk) {
    throw new ClawError(
      'missing-answer',
      `Cannot tell whether "${id}" is to go from the ${others} other machines too`,
      {
        hint: 'Add --everywhere or --only-here',
      },
    )
  }
  const machines = others === 1 ? 'on the other enrolled machine' : `on the ${others} other enrolled machines`
  return ask(`${verb} "${id}" ${machines} too?`, terminal)
}

const PENDING = {
  drop: { type: 'string', value: 'ID', help: 'Give up what waits for this machine, or is about it' },
  ...OWNER_FILES,
  'dry-run': { type: 'boolean', help: 'Only show what waits' },
} as const satisfies Options

const pending = ({ settlePending }: DepartureActions) =>
  subcommand({
    name: 'claw-setup-ssh pending',
    summary: 'Do now what waits for contact with other machines, and show what still waits',
    options: PENDING,
    example: 'claw-setup-ssh pending',
    failure: 'What could not be done stays on the list, with the reason.',
    run: run =>
      withHome(run, async home => {
        const settled = run.options['dry-run']
          ? []
          : await changingTrust(home, run.terminal, () => doNow(run, home, settlePending))
        return { settled, pending: (await home.store.pending()).map(shownPending) }
      }),
    render: (result, { terminal }) => show.renderPending(result, terminal),
  })

async function doNow(
  { options, terminal }: Run<typeof PENDING>,
  home: ReadyHome,
  settlePending: DepartureActions['settlePending'],
): Promise<readonly Settled[]> {
  const items = await home.store.pending()
  if (options.drop !== undefined) {
    const id = idKey(parseValue(field.gatewayId, options.drop, '--drop'))
    const isMeant = ({ gatewayId, about }: PendingItem) => [gatewayId, about].map(idKey).includes(id)
    await home.store.removePending(items.filter(isMeant).map(item => item.id))
    return []
  }
  if (items.length === 0) return []
  const always = () => true
  const deps = await sshDeps(home, terminal)
  const files = ownerFilesIn(options)
  return settlePending(deps, { isThere: always, isDue: always, mayGoOn: always, files })
}

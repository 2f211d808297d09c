import type { Asker } from '../actions/asker.ts'
import type { FoundMachine } from '../actions/discover.ts'
import type { OfferDeps, Offered } from '../actions/offer.ts'
import type { SetupActions } from '../actions/setup-actions.ts'
import { ClawError } from '../fleet/error.ts'
import { bashVersion } from './bash-version.ts'
import { discoverDeps } from './discover-deps.ts'
import { openProbe, type ReadyHome } from './home.ts'
import { onInterrupt } from './interrupt.ts'
import { keepAnnouncedDeps } from './keep-announced-deps.ts'
import { scheduleDeps } from './schedule-deps.ts'
import { sshDeps } from './ssh-deps.ts'
import type { Terminal } from './terminal.ts'
import { changingTrust } from './with-home.ts'

export type OfferSetting = {
  readonly home: ReadyHome
  readonly terminal: Terminal
  readonly asker: Asker | undefined
  readonly wanted: OfferDeps['wanted']
}

/** Everything the offers need; what each works with is loaded when it is accepted. */
export async function offerDeps(actions: SetupActions, setting: OfferSetting): Promise<OfferDeps> {
  const { home, terminal, asker, wanted } = setting
  const offered = { announce: announce(actions, setting), schedule: schedule(actions, setting) }
  return {
    asker,
    wanted,
    ...offered,
    sshUser: home.self.sshUser,
    bashVersion: await replacement(actions, home, offered),
    discover: async () => {
      const { found } = await actions.discoverMachines(await discoverDeps(home, terminal))
      terminal.progress('')
      return found
    },
    enrol: (machine, user) => enrol(actions, setting, { machine, user }),
    peers: async () => (await home.store.peers()).peers.length,
    check: async () => {
      const { store } = home
      const probe = await openProbe(home)
      return await actions.checkSsh({ store, probe, onProgress: terminal.progress })
    },
  }
}

function announce({ lookAtAnnouncement, startAnnouncing }: SetupActions, setting: OfferSetting): Offered {
  const { home, terminal } = setting
  return {
    present: async () => {
      const deps = await keepAnnouncedDeps(home, terminal)
      const { keepAlive } = deps
      if (keepAlive.manager === 'none' || !(await keepAlive.state()).isInstalled) return undefined
      const { announced, manager } = await lookAtAnnouncement(deps)
      return announced ? `announced already, kept by ${manager}` : undefined
    },
    start: async () => {
      const { manager, startsAt } = await startAnnouncing(await keepAnnouncedDeps(home, terminal))
      return `announced, kept by ${manager}${startsAt === 'login' ? ' from login on' : ''}`
    },
  }
}

function schedule({ schedulePings, scheduleState }: SetupActions, setting: OfferSetting): Offered {
  const { home, terminal } = setting
  return {
    present: async () => {
      const state = await scheduleState(await scheduleDeps(home, terminal))
      const how = `${state.scheduler}, every ${state.everyMinutes} min`
      return state.installed && state.matches ? `scheduled already: ${how}` : undefined
    },
    start: async () => {
      const stopped = 'Stopped waiting: the schedule is in place, and no run came from it yet'
      using interruption = onInterrupt(new ClawError('timeout', stopped))
      const deps = await scheduleDeps(home, terminal, interruption.signal)
      const done = await schedulePings(deps, { wait: true, dryRun: false })
      const how = `${done.scheduler}, every ${done.everyMinutes} min`
      if (done.run === 'seen') return `${how}; a first run came from it`
      throw new ClawError('command-failed', [`${how}, and no run came from it`, ...done.warnings].join('. '))
    },
  }
}

/** As `claw-setup-ssh add`; the person confirms the host key, and nobody else can. */
async function enrol(
  { addMachine }: SetupActions,
  { home, terminal, asker }: OfferSetting,
  { machine, user }: { readonly machine: FoundMachine; readonly user: string },
) {
  const deps = await sshDeps(home, terminal)
  const confirm = asker === undefined ? undefined : (question: string) => asker.yesNo(question, false)
  const { ip: host, port } = machine
  const request = await deps.resolve({ user, host, port, oneWay: false })
  await deps.needDirectWay(request)
  const { peer } = await changingTrust(home, terminal, () =>
    addMachine({ ...deps, confirm }, request, home.settings.pingIntervalMinutes),
  )
  return { gatewayId: peer.gatewayId }
}

async function replacement(
  { isBashAtWork, replaceBashVersion, shownRemains }: SetupActions,
  home: ReadyHome,
  { announce, schedule }: Readonly<Record<'announce' | 'schedule', Offered>>,
): Promise<OfferDeps['bashVersion']> {
  const parts = await bashVersion(home)
  const { agent, cronLines } = parts.remains
  if (!isBashAtWork(parts.remains)) return undefined
  return {
    shown: shownRemains(parts.remains),
    does: [
      ...(agent === null ? [] : (['announce'] as const)),
      ...(cronLines.length === 0 ? [] : (['schedule'] as const)),
    ],
    start: () => replaceBashVersion({ ...parts, announce: announce.start, schedule: schedule.start }),
  }
}

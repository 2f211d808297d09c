import type { Asker } from '../actions/asker.ts'
import type { checkSsh } from '../actions/check-ssh.ts'
import type { discoverMachines, FoundMachine } from '../actions/discover.ts'
import type { enrolPeer } from '../actions/enrol.ts'
import type { lookAtAnnouncement, startAnnouncing } from '../actions/keep-announced.ts'
import type { OfferDeps, Offered } from '../actions/offer.ts'
import { discoverDeps } from './discover-deps.ts'
import { openProbe, type ReadyHome } from './home.ts'
import { keepAnnouncedDeps } from './keep-announced-deps.ts'
import { sshDeps } from './ssh-deps.ts'
import type { Terminal } from './terminal.ts'

/** The use cases behind the offers. */
export type OfferActions = {
  readonly checkSsh: typeof checkSsh
  readonly discoverMachines: typeof discoverMachines
  readonly enrolPeer: typeof enrolPeer
  readonly lookAtAnnouncement: typeof lookAtAnnouncement
  readonly startAnnouncing: typeof startAnnouncing
}

export type OfferSetting = {
  readonly home: ReadyHome
  readonly terminal: Terminal
  readonly asker: Asker | undefined
  readonly wanted: OfferDeps['wanted']
}

/** Everything the offers need; what each works with is loaded when it is accepted. */
export function offerDeps(actions: OfferActions, setting: OfferSetting): OfferDeps {
  const { home, terminal, asker, wanted } = setting
  return {
    asker,
    wanted,
    sshUser: home.self.sshUser,
    bashVersion: undefined,
    announce: announce(actions, setting),
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
    schedule: { present: async () => undefined, start: async () => '' },
  }
}

function announce(
  { lookAtAnnouncement, startAnnouncing }: OfferActions,
  { home, terminal }: OfferSetting,
): Offered {
  return {
    present: async () => {
      const deps = await keepAnnouncedDeps(home, terminal)
      const { keepAlive } = deps
      if (keepAlive.manager === 'none' || !(await keepAlive.state()).isInstalled) return undefined
      const { announced, manager } = await lookAtAnnouncement(deps)
      terminal.progress('')
      return announced ? `announced already, kept by ${manager}` : undefined
    },
    start: async () => {
      const { manager, startsAt } = await startAnnouncing(await keepAnnouncedDeps(home, terminal))
      return `announced, kept by ${manager}${startsAt === 'login' ? ' from login on' : ''}`
    },
  }
}

/** As `claw-setup-ssh add`; the person confirms the host key, and nobody else can. */
async function enrol(
  { enrolPeer }: OfferActions,
  { home, terminal, asker }: OfferSetting,
  { machine, user }: { readonly machine: FoundMachine; readonly user: string },
) {
  const deps = await sshDeps(home, terminal)
  const confirm =
    asker === undefined
      ? undefined
      : (question: string) => {
          terminal.progress('')
          return asker.yesNo(question, false)
        }
  const { ip: host, port } = machine
  const { peer } = await enrolPeer({ ...deps, confirm }, { user, host, port, oneWay: false })
  terminal.progress('')
  return { gatewayId: peer.gatewayId }
}

import type { Check } from '../actions/doctor.ts'
import { VERSION } from '../adapters/version.ts'
import { isClaimOf } from '../fleet/discovery.ts'
import { ClawError } from '../fleet/error.ts'
import type { Finding } from '../fleet/finding.ts'
import {
  judgeAnnouncement,
  judgeClock,
  judgePeerRounds,
  judgeReach,
  judgeVersions,
} from '../fleet/finding-peers.ts'
import { judgeSchedule } from '../fleet/finding-schedule.ts'
import { idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { type Inspection, parseInspection } from '../fleet/peer-protocol.ts'
import type { Sighting } from '../fleet/service.ts'
import { check, type DoctorActions, type Patient } from './doctor-patient.ts'
import { openProbe } from './home.ts'

/** It listens for 4 s and asks the service manager. */
const LISTEN_MS = 15_000
/** On a Mac crontab takes a second, and asks the owner at its first use. */
const SCHEDULE_MS = 20_000
/** Peers are asked 32 at a time, each within `pingTimeoutSeconds` twice. */
const ASK_MS = 60_000

/** The others, and what they see of this machine. */
export function networkChecks(patient: Patient, actions: DoctorActions): readonly Check[] {
  return [
    check('announcement', 'the announcement', LISTEN_MS, () => announcementFindings(patient, actions)),
    check('schedule', 'the schedule', SCHEDULE_MS, () => scheduleFindings(patient, actions)),
    check('peers', 'the peers', ASK_MS, () => peerFindings(patient, actions)),
  ]
}

async function peerFindings(
  { home, peers }: Patient,
  { askPeers }: DoctorActions,
): Promise<readonly Finding[]> {
  if (peers.length === 0) return []
  const { clock, settings } = home
  const asked = await askPeers({ probe: await openProbe(home), inspect: await inspector(home), clock }, peers)
  const staleAfterMs = 2 * settings.pingIntervalMinutes * 60_000
  return [
    ...judgeReach(asked),
    ...judgeClock(asked, process.platform),
    ...judgeVersions(VERSION, asked),
    ...judgePeerRounds(asked, clock.now(), staleAfterMs),
  ]
}

/** Asks a peer that has just answered what it runs; what it does not say in time is left out. */
async function inspector({
  paths,
  settings,
}: Patient['home']): Promise<(peer: Peer) => Promise<Inspection | undefined>> {
  const [{ openPeerChannel }, { readPins }, { readClanKey }] = await Promise.all([
    import('../adapters/peer-channel.ts'),
    import('../adapters/known-hosts.ts'),
    import('../adapters/ssh-keys.ts'),
  ])
  const timeoutMs = settings.pingTimeoutSeconds * 1000
  return async ({ gatewayId, ip: host, sshPort: port, sshUser: user }) => {
    try {
      const pins = readPins(paths.knownHosts).get(idKey(gatewayId)) ?? []
      const target = { host, port, user, privateKey: readClanKey(paths), pins }
      await using channel = await openPeerChannel(target, { timeoutMs, expected: gatewayId })
      return parseInspection(await channel.request('inspect', {}, { timeoutMs }))
    } catch (error) {
      if (error instanceof ClawError) return undefined
      throw error
    }
  }
}

async function announcementFindings({ home, self, peers }: Patient, { lookAtAnnouncement }: DoctorActions) {
  if (self === undefined) return []
  const { keepAnnouncedDeps } = await import('./keep-announced-deps.ts')
  const deps = await keepAnnouncedDeps({ ...home, self }, { progress: () => {} })
  const heard: Sighting[] = []
  const state = await lookAtAnnouncement({
    ...deps,
    browse: async options => {
      const reading = await deps.browse(options)
      heard.push(...reading.sightings)
      return reading
    },
  })
  const own = deps.ownAddresses()
  const isImpostor = (sighting: Sighting) =>
    isClaimOf(self, sighting) ? !own.includes(sighting.ip) : peers.some(peer => contradicts(peer, sighting))
  return judgeAnnouncement(state, heard.filter(isImpostor))
}

async function scheduleFindings({ home, self, peers }: Patient, { scheduleState }: DoctorActions) {
  if (self === undefined) return []
  const { scheduleDeps } = await import('./schedule-deps.ts')
  const state = await scheduleState(await scheduleDeps({ ...home, self }, { progress: () => {} }))
  return judgeSchedule({ state, hasPeers: peers.length > 0, platform: process.platform })
}

/** It claims a peer's id with another clan key; a new address alone is no contradiction. */
const contradicts = (peer: Peer, sighting: Sighting): boolean =>
  isClaimOf(peer, sighting) &&
  peer.clanKey !== undefined &&
  sighting.clanKey !== undefined &&
  sighting.clanKey !== peer.clanKey

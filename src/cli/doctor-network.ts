import type { Check } from '../actions/doctor.ts'
import { VERSION } from '../adapters/version.ts'
import { isClaimOf } from '../fleet/discovery.ts'
import { ClawError } from '../fleet/error.ts'
import type { Finding } from '../fleet/finding.ts'
import {
  type AnnouncementFacts,
  judgeAnnouncement,
  judgeClock,
  judgePeerRounds,
  judgeReach,
  judgeVersions,
} from '../fleet/finding-peers.ts'
import { idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { type Inspection, parseInspection } from '../fleet/peer-protocol.ts'
import type { Sighting } from '../fleet/service.ts'
import { check, type DoctorActions, type Patient } from './doctor-patient.ts'
import { openProbe } from './home.ts'

/** How long to listen for ourselves: three questions, and the answers to them. */
const LISTEN_MS = 4_000
/** Peers are asked 32 at a time, each within `pingTimeoutSeconds` twice. */
const ASK_MS = 60_000

/** The others, and what they see of this machine. */
export function networkChecks(patient: Patient, actions: DoctorActions): readonly Check[] {
  const { self, peers } = patient
  const alone: readonly Finding[] = []
  return [
    check('announcement', 'the announcement', 3 * LISTEN_MS, async () =>
      self === undefined ? alone : judgeAnnouncement(await announcement(patient, self)),
    ),
    check('peers', 'the peers', ASK_MS, async () =>
      peers.length === 0 ? alone : peerFindings(patient, actions),
    ),
  ]
}

async function peerFindings(
  { home, peers }: Patient,
  { askPeers }: DoctorActions,
): Promise<readonly Finding[]> {
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

async function announcement(
  { home, peers }: Patient,
  self: NonNullable<Patient['self']>,
): Promise<AnnouncementFacts> {
  const [{ browse }, { ownAddresses }, { askPresence }] = await Promise.all([
    import('../adapters/mdns-browse.ts'),
    import('../adapters/interfaces.ts'),
    import('../adapters/presence.ts'),
  ])
  const own = ownAddresses()
  const isSelf = (sighting: Sighting) =>
    isClaimOf(self, sighting) && own.includes(sighting.ip) && sighting.clanKey === self.clanKey
  const { sightings, warnings } = await browse({
    durationMs: LISTEN_MS,
    isComplete: heard => heard.some(isSelf),
    expected: peers.map(({ ip }) => ip),
    interfaces: home.settings['mdns.interfaces'],
    clock: home.clock,
  })
  const isImpostor = (sighting: Sighting) =>
    isClaimOf(self, sighting) ? !own.includes(sighting.ip) : peers.some(peer => contradicts(peer, sighting))
  return {
    gatewayId: self.gatewayId,
    isHeard: sightings.some(isSelf),
    isRunning: (await askPresence(home.paths.locks, 'claw-register')) !== undefined,
    platform: process.platform,
    impostors: sightings.filter(isImpostor).map(({ gatewayId, ip }) => ({ gatewayId, ip })),
    warnings,
  }
}

/** It claims a peer's id with another clan key; a new address alone is no contradiction. */
const contradicts = (peer: Peer, sighting: Sighting): boolean =>
  isClaimOf(peer, sighting) &&
  peer.clanKey !== undefined &&
  sighting.clanKey !== undefined &&
  sighting.clanKey !== peer.clanKey

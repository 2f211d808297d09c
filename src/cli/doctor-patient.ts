import type { activateVersion } from '../actions/activate.ts'
import type { askPeers } from '../actions/ask-peers.ts'
import type { Check } from '../actions/doctor.ts'
import type { lookAtAnnouncement } from '../actions/keep-announced.ts'
import type { schedulePings, scheduleState } from '../actions/schedule.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { Peer } from '../fleet/peer.ts'
import { readPeers } from '../store/fleet-files.ts'
import type { DamagedFile } from '../store/record-folder.ts'
import { type Home, notSetUp } from './home.ts'

/** What the owner asked for beside the usual. */
export type DoctorWishes = {
  /** May start OpenClaw's own program, which costs seconds. */
  readonly deep: boolean
}

/** Use cases that some checks and repairs need. */
export type DoctorActions = {
  readonly activateVersion: typeof activateVersion
  readonly askPeers: typeof askPeers
  readonly lookAtAnnouncement: typeof lookAtAnnouncement
  readonly schedulePings: typeof schedulePings
  readonly scheduleState: typeof scheduleState
}

/** The home as a doctor finds it: what does not read is known as such and stops nothing. */
export type Patient = {
  readonly home: Home
  readonly self: Identity | undefined
  /** Why state.json does not read. */
  readonly trouble: ClawError | undefined
  readonly peers: readonly Peer[]
  readonly damaged: readonly DamagedFile[]
}

/** A line of a table of checks: id, what it looks at, bound in milliseconds, the look. */
export const check = (id: string, about: string, timeoutMs: number, look: Check['look']): Check => ({
  id,
  about,
  timeoutMs,
  look,
})

/** @throws {ClawError} `not-set-up` */
export async function admit(home: Home): Promise<Patient> {
  const { self, trouble } = await readSelf(home)
  const { records, damaged } = readPeers(home.paths)
  return { home, self, trouble, peers: [...records.values()].map(({ record }) => record), damaged }
}

async function readSelf(home: Home): Promise<Pick<Patient, 'self' | 'trouble'>> {
  try {
    const self = await home.store.self()
    if (self === undefined) throw notSetUp(home)
    return { self, trouble: undefined }
  } catch (error) {
    if (!(error instanceof ClawError) || error.code === 'not-set-up') throw error
    return { self: undefined, trouble: error }
  }
}

import { addMachine } from './add-machine.ts'
import { askSetup } from './ask-setup.ts'
import { checkSsh } from './check-ssh.ts'
import { discoverMachines } from './discover.ts'
import { lookAtAnnouncement, startAnnouncing } from './keep-announced.ts'
import { makeOffers, plannedOffers } from './offers.ts'
import { isBashAtWork, replaceBashVersion, shownRemains } from './replace-bash.ts'
import { schedulePings, scheduleState, unschedulePings } from './schedule.ts'
import { setUp } from './setup.ts'
import { readFormer } from './setup-former.ts'

/** The use cases behind bare `claw-setup`: its own, and those of other programs that it offers. */
export const SETUP_ACTIONS = {
  addMachine,
  askSetup,
  checkSsh,
  discoverMachines,
  isBashAtWork,
  lookAtAnnouncement,
  makeOffers,
  plannedOffers,
  readFormer,
  replaceBashVersion,
  schedulePings,
  scheduleState,
  setUp,
  shownRemains,
  startAnnouncing,
  unschedulePings,
} as const
export type SetupActions = typeof SETUP_ACTIONS

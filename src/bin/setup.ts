#!/usr/bin/env node
import { activateVersion, rollBack } from '../actions/activate.ts'
import { askSetup } from '../actions/ask-setup.ts'
import { checkSsh } from '../actions/check-ssh.ts'
import { discoverMachines } from '../actions/discover.ts'
import { enrolPeer } from '../actions/enrol.ts'
import { lookAtAnnouncement, startAnnouncing } from '../actions/keep-announced.ts'
import { makeOffers } from '../actions/offers.ts'
import { schedulePings, unschedulePings } from '../actions/schedule.ts'
import { setUp } from '../actions/setup.ts'
import { readFormer } from '../actions/setup-former.ts'
import { mainGroup } from '../cli/command.ts'
import { scheduleCommands } from '../cli/schedule-commands.ts'
import { setupCommand } from '../cli/setup-command.ts'
import { versionCommands } from '../cli/version-commands.ts'

void mainGroup({
  name: 'claw-setup',
  summary: 'Set this machine up',
  bare: setupCommand({
    ...{ askSetup, checkSsh, discoverMachines, enrolPeer, lookAtAnnouncement },
    ...{ makeOffers, readFormer, setUp, startAnnouncing },
  }),
  commands: {
    ...scheduleCommands({ schedulePings, unschedulePings }),
    ...versionCommands({ activateVersion, rollBack }),
  },
})

#!/usr/bin/env node
import { activateVersion, rollBack } from '../actions/activate.ts'
import { stopAnnouncing } from '../actions/keep-announced.ts'
import { renewAnnouncing } from '../actions/renew-announcing.ts'
import { schedulePings, unschedulePings } from '../actions/schedule.ts'
import { uninstall } from '../actions/uninstall.ts'
import { mainGroup } from '../cli/command.ts'
import { scheduleCommands } from '../cli/schedule-commands.ts'
import { setupCommand } from '../cli/setup-command.ts'
import { uninstallCommand } from '../cli/uninstall-command.ts'
import { versionCommands } from '../cli/version-commands.ts'

void mainGroup({
  name: 'claw-setup',
  summary: 'Set this machine up',
  bare: setupCommand(async () => (await import('../actions/setup-actions.ts')).SETUP_ACTIONS),
  commands: {
    ...scheduleCommands({ schedulePings, unschedulePings }),
    ...versionCommands({ activateVersion, rollBack, renewAnnouncing }),
    uninstall: uninstallCommand({ stopAnnouncing, uninstall }),
  },
})

#!/usr/bin/env node
import {
  lookAtAnnouncement,
  restartAnnouncing,
  startAnnouncing,
  stopAnnouncing,
} from '../actions/keep-announced.ts'
import { registerMachine } from '../actions/register.ts'
import { mainGroup } from '../cli/command.ts'
import { registerCommands } from '../cli/register-commands.ts'

void mainGroup({
  name: 'claw-register',
  summary: 'Keep this machine announced as _openclaw._tcp',
  commands: registerCommands({
    lookAtAnnouncement,
    registerMachine,
    restartAnnouncing,
    startAnnouncing,
    stopAnnouncing,
  }),
})

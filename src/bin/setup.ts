#!/usr/bin/env node
import { setUp } from '../actions/setup.ts'
import { mainGroup } from '../cli/command.ts'
import { setupCommand } from '../cli/setup-command.ts'

void mainGroup({
  name: 'claw-setup',
  summary: 'Set this machine up',
  bare: setupCommand({ setUp }),
  commands: {},
})

#!/usr/bin/env node
import { askSetup } from '../actions/ask-setup.ts'
import { setUp } from '../actions/setup.ts'
import { readFormer } from '../actions/setup-former.ts'
import { mainGroup } from '../cli/command.ts'
import { setupCommand } from '../cli/setup-command.ts'

void mainGroup({
  name: 'claw-setup',
  summary: 'Set this machine up',
  bare: setupCommand({ askSetup, readFormer, setUp }),
  commands: {},
})

#!/usr/bin/env node
import { checkSsh } from '../actions/check-ssh.ts'
import { enrolPeer, planEnrolment } from '../actions/enrol.ts'
import { forgetPeer } from '../actions/forget.ts'
import { introduce } from '../actions/introduce.ts'
import { testLogin } from '../actions/test-login.ts'
import { trustHostKey } from '../actions/trust.ts'
import { mainGroup } from '../cli/command.ts'
import { sshCommands } from '../cli/ssh-commands.ts'

void mainGroup({
  name: 'claw-setup-ssh',
  summary: 'Enrol machines over SSH: keys, host keys, and the way in both directions',
  commands: sshCommands({
    checkSsh,
    enrolPeer,
    forgetPeer,
    introduce,
    planEnrolment,
    testLogin,
    trustHostKey,
  }),
})

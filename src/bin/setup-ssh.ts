#!/usr/bin/env node
import { addMachine } from '../actions/add-machine.ts'
import { checkSsh } from '../actions/check-ssh.ts'
import { planEnrolment } from '../actions/enrol.ts'
import { forgetPeer } from '../actions/forget.ts'
import { introduce } from '../actions/introduce.ts'
import { revokePeer } from '../actions/revoke.ts'
import { settlePending } from '../actions/settle-pending.ts'
import { forgetEverywhere, revokeEverywhere } from '../actions/tell-fleet.ts'
import { testLogin } from '../actions/test-login.ts'
import { trustHostKey } from '../actions/trust.ts'
import { mainGroup } from '../cli/command.ts'
import { sshCommands } from '../cli/ssh-commands.ts'

void mainGroup({
  name: 'claw-setup-ssh',
  summary: 'Enrol machines over SSH: keys, host keys, and the way in both directions',
  commands: sshCommands({
    checkSsh,
    addMachine,
    forgetEverywhere,
    forgetPeer,
    introduce,
    planEnrolment,
    revokeEverywhere,
    revokePeer,
    settlePending,
    testLogin,
    trustHostKey,
  }),
})

#!/usr/bin/env node
import { activateVersion } from '../actions/activate.ts'
import { askPeers } from '../actions/ask-peers.ts'
import { examine } from '../actions/doctor.ts'
import { lookAtAnnouncement } from '../actions/keep-announced.ts'
import { schedulePings, scheduleState } from '../actions/schedule.ts'
import { main } from '../cli/command.ts'
import { doctorDeps } from '../cli/doctor-deps.ts'
import { openAnyHome } from '../cli/home.ts'
import { remedyOf, renderDoctor } from '../cli/render-doctor.ts'

const ACTIONS = { activateVersion, askPeers, lookAtAnnouncement, schedulePings, scheduleState }

void main({
  name: 'claw-doctor',
  summary: 'Check this machine end to end, and say for each finding what to do next',
  options: {
    fix: { type: 'boolean', help: 'Put right what is safe to put right, and say what was done' },
    'dry-run': { type: 'boolean', help: 'With --fix: show what it would do, and change nothing' },
    check: { type: 'boolean', help: 'Exit 1 if a problem is left' },
    deep: { type: 'boolean', help: 'Also ask OpenClaw itself about our skills; takes up to 30 s' },
    all: { type: 'boolean', help: 'Show what is fine as well' },
  },
  example: 'claw-doctor --fix --dry-run',
  failure:
    'A finding is no failure, nor is a check that could not be made: it is told as a finding. Exit 3: run claw-setup.',
  run: async ({ options, terminal, home: given }) => {
    await using home = await openAnyHome({ home: given, terminal }, true)
    const deps = await doctorDeps(home, terminal, { deep: options.deep ?? false, ...ACTIONS })
    return examine(deps, remedyOf(options))
  },
  render: (result, { terminal, quiet, options }) =>
    renderDoctor(result, terminal, { quiet, all: options.all ?? false }),
  exitCode: ({ tally }, { check }) => (check === true && tally.problem > 0 ? 1 : 0),
})

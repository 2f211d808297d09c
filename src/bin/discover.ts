#!/usr/bin/env node
import { discoverMachines } from '../actions/discover.ts'
import { main } from '../cli/command.ts'
import { discoverDeps, secondsToListen } from '../cli/discover-deps.ts'
import { openHome } from '../cli/home.ts'
import { NO_WAIT, oneRun } from '../cli/one-run.ts'
import { renderDiscover } from '../cli/render-discover.ts'

void main({
  name: 'claw-discover',
  summary: 'List every claw-clan machine and OpenClaw gateway heard on the network; trusts none of them',
  operands: '[SECONDS]',
  arity: [0, 1],
  options: NO_WAIT,
  example: 'claw-discover 10',
  failure:
    'Nobody found: is claw-register running there, and are both machines on one network? mDNS does not cross routers.',
  run: async ({ options, positionals: [seconds], terminal, home: given }) => {
    const wanted = secondsToListen(seconds)
    await using home = await openHome({ home: given, terminal })
    const run = async () => discoverMachines(await discoverDeps(home, terminal), wanted)
    return oneRun({ home, program: 'claw-discover', terminal, noWait: options['no-wait'] ?? false, run })
  },
  render: (result, { terminal }) => renderDiscover(result, terminal),
})

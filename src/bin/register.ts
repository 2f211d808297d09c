#!/usr/bin/env node
import { registerMachine } from '../actions/register.ts'
import { mainGroup, subcommand } from '../cli/command.ts'
import { openHome } from '../cli/home.ts'
import { runRegister } from '../cli/register-run.ts'

const run = subcommand({
  name: 'claw-register run',
  summary: 'Keep this machine announced on the network, in the foreground, until SIGTERM or Ctrl-C',
  options: {
    'no-wait': { type: 'boolean', help: 'When it is already announced from here, exit 75 at once' },
  },
  example: 'claw-register run',
  failure:
    'Network trouble never ends it: it degrades, says so on stderr and tries again. Exit 3: run claw-setup.',
  run: async ({ options, terminal, home: given, json, quiet }) => {
    await using home = await openHome({ home: given, terminal })
    return await runRegister(home, { noWait: options['no-wait'] ?? false, json, quiet }, registerMachine)
  },
  render: ({ gatewayId }, { quiet }) => (quiet ? '' : `${gatewayId} is no longer announced`),
})

void mainGroup({
  name: 'claw-register',
  summary: 'Keep this machine announced as _openclaw._tcp',
  commands: { run },
})

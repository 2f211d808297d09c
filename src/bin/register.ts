#!/usr/bin/env node
import { registerMachine } from '../actions/register.ts'
import { mainGroup, subcommand } from '../cli/command.ts'
import { openHome } from '../cli/home.ts'
import { onlyRun } from '../cli/one-run.ts'
import { registerDeps } from '../cli/register-deps.ts'

const run = subcommand({
  name: 'claw-register run',
  summary: 'Keep this machine announced on the network, in the foreground, until SIGTERM or Ctrl-C',
  options: {
    'no-wait': { type: 'boolean', help: 'When it is already announced from here, exit 75 at once' },
  },
  example: 'claw-register run',
  failure:
    'Network trouble never ends it: it degrades, says so on stderr and tries again. Exit 3: run claw-setup.',
  run: async ({ options, terminal, home: given }) => {
    await using home = await openHome({ home: given, terminal })
    const work = async () => registerMachine(await registerDeps(home, terminal))
    return onlyRun({ home, program: 'claw-register', noWait: options['no-wait'] ?? false, run: work })
  },
  render: ({ gatewayId }, { quiet }) => (quiet ? '' : `${gatewayId} is no longer announced`),
})

void mainGroup({
  name: 'claw-register',
  summary: 'Keep this machine announced as _openclaw._tcp',
  commands: { run },
})

#!/usr/bin/env node
import { fleetStatus, needsAttention } from '../actions/status.ts'
import { main } from '../cli/command.ts'
import { openHome, pingDeps, type ReadyHome } from '../cli/home.ts'
import { oneRun } from '../cli/one-run.ts'
import { renderStatus } from '../cli/render.ts'
import type { Terminal } from '../cli/terminal.ts'

void main({
  name: 'claw-status',
  summary: 'Show the fleet as it is recorded: who is up, who leads, and how old that knowledge is',
  options: {
    check: { type: 'boolean', help: 'Exit 1 if anything needs attention' },
    live: { type: 'boolean', help: 'Ping everybody first' },
    watch: { type: 'boolean', help: 'Keep showing it until Ctrl-C (terminal only)' },
  },
  example: 'claw-status --check --json',
  failure:
    'Exit 3: this machine is not set up, run claw-setup. Exit 1: a state file is damaged; the line names it.',
  run: async ({ options, terminal, home: given, json }) => {
    await using home = await openHome({ home: given, terminal }, true)
    if (options.live) await pingFirst(home, terminal)
    const look = () => fleetStatus(home)
    if (options.watch !== true) return look()
    const { watchStatus } = await import('../cli/live.ts')
    return watchStatus(look, { terminal, json, clock: home.clock })
  },
  render: (status, { terminal }) => renderStatus(status, terminal),
  exitCode: (status, { check }) =>
    status.damaged.length > 0 || (check === true && needsAttention(status)) ? 1 : 0,
})

async function pingFirst(home: ReadyHome, terminal: Terminal): Promise<void> {
  const { pingFleet } = await import('../actions/ping.ts')
  const run = () => pingFleet(pingDeps(home, terminal))
  await oneRun({ home, program: 'claw-ping', terminal, noWait: false, run })
  terminal.progress('')
}

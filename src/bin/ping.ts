#!/usr/bin/env node
import { pingFleet } from '../actions/ping.ts'
import { main } from '../cli/command.ts'
import { openHome, pingDeps, recordSettingsProblems } from '../cli/home.ts'
import { NO_WAIT, oneRun } from '../cli/one-run.ts'
import { renderPing } from '../cli/render.ts'
import { dated, SCHEDULED_FLAGS, scheduledRun } from '../cli/scheduled-run.ts'

void main({
  name: 'claw-ping',
  summary: 'Probe every enrolled peer over SSH and record who answered',
  options: {
    only: {
      type: 'string',
      value: 'ID',
      multiple: true,
      help: 'Probe only this gateway id; may be repeated',
    },
    once: { type: 'boolean', help: 'No second look at who missed (the default for now)' },
    ...SCHEDULED_FLAGS,
    ...NO_WAIT,
  },
  example: 'claw-ping --only studio',
  failure:
    'A peer that misses is a finding, not a failure. Exit 1: state could not be read or stored; the line says where.',
  run: async ({ options, terminal, home: given }) => {
    await using home = await openHome({ home: given, terminal })
    const run = () => pingFleet(pingDeps(home, terminal), options.only)
    const rememberedAs = options.only === undefined ? 'claw-ping' : 'claw-ping --only'
    const noWait = options['no-wait'] ?? false
    const once = () => oneRun({ home, program: 'claw-ping', rememberedAs, terminal, noWait, run })
    const { proof } = options
    const result = options.scheduled ? await scheduledRun(home, { terminal, proof }, once) : await once()
    if (!terminal.isTty) await recordSettingsProblems(home)
    return result
  },
  render: (result, { terminal, quiet, options }) =>
    dated(renderPing(result, terminal, quiet), options.scheduled),
  afterwards: async (result, run) => {
    if (run.options.only !== undefined) return
    const { settleAfterRound } = await import('../cli/settle-after-round.ts')
    await settleAfterRound(
      result,
      run,
      async () => (await import('../actions/settle-pending.ts')).settlePending,
    )
  },
  exitCode: result => (result.damaged.length > 0 ? 1 : 0),
})

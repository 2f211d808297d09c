import { join } from 'node:path'
import type { LaunchAgent } from '../../src/adapters/launch-agent.ts'

/** The templates of the sources. */
export const TEMPLATES = join(import.meta.dirname, '..', '..', 'launchd')

/** A job that stays; every fact can be replaced. */
export const anAgent = (facts: Partial<LaunchAgent> = {}): LaunchAgent => ({
  label: 'com.openclaw.claw-clan-mdns',
  argv: ['/Users/a/.openclaw/claw-clan/bin/claw-register', 'run'],
  stdoutLog: '/Users/a/logs/out.log',
  stderrLog: '/Users/a/logs/err.log',
  when: { kind: 'always' },
  ...facts,
})

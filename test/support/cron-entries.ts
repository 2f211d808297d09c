import type { GatewayId } from '../../src/fleet/parse.ts'
import type { CronEntry } from '../../src/fleet/schedule.ts'
import { id } from './builders.ts'

/** Whose block the tests edit. */
export const OWNER = id('mini')

export const monitorOf = (gateway: GatewayId): CronEntry => ({
  key: `monitor ${gateway}`,
  times: ['*/5 * * * *'],
  argv: ['/h/bin/claw-monitor', gateway],
  logs: '/h/logs',
  log: 'monitor.log',
})

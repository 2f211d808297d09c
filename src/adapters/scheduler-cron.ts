import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cronTimes, nextMinutes } from '../fleet/cron-times.ts'
import { ClawError } from '../fleet/error.ts'
import {
  type CronEntry,
  type CrontabText,
  entryLines,
  linesOf,
  withEntry,
  withoutEntry,
  withoutFormerBlocks,
} from '../fleet/schedule.ts'
import { scheduleShift } from '../fleet/shift.ts'
import { isCronRunning } from './cron-daemon.ts'
import { type CrontabPlace, editCrontab, readCrontab } from './crontab.ts'
import { NOTHING, type PingJob, SCHEDULED, type Scheduler } from './scheduler.ts'

/** Minutes in which the proof run may start; cron looks at changed crontabs once a minute. */
const PROOF_MINUTES = 3

/**
 * cron as the scheduler: entries in our block of this user's crontab.
 *
 * @param now  for the time of the proof run and the names of backups
 */
export function cronScheduler(job: PingJob, place: CrontabPlace, now: () => Date): Scheduler {
  const { owner, program } = job
  const { everyMinutes, times } = cronTimes(job.intervalMinutes, every => scheduleShift(owner, every).minute)
  const call = { argv: [program, ...SCHEDULED], logs: job.logs, log: 'ping.log' } as const
  const ping: CronEntry = { ...call, key: 'ping', times }
  const edit = (change: (text: CrontabText) => CrontabText) => editCrontab(place, change, now())
  const withoutLeftovers = (text: CrontabText) =>
    withoutFormerBlocks(withoutEntry(text, owner, 'check'), owner, program)
  const isHere = () => hasProgram(place.command ?? 'crontab')
  const withoutCheck = () => edit(text => withoutEntry(text, owner, 'check'))
  return {
    kind: 'cron',
    everyMinutes,
    where: 'crontab',
    lines: linesOf(owner, ping).map(readable),
    trouble: async () => (isHere() ? undefined : notHere()),
    install: () => edit(text => withoutLeftovers(withEntry(text, owner, ping))),
    remove: async () => {
      if (!isHere()) return false
      return await edit(text => withoutEntry(withoutLeftovers(text), owner, 'ping'))
    },
    state: async () => {
      if (!isHere()) return NOTHING
      const lines = entryLines(await readCrontab(place.command), owner, 'ping')
      const matches = lines.join('\n') === linesOf(owner, ping).join('\n')
      const daemonRunning = await isCronRunning()
      const installed = lines.length > 0
      return { installed, matches, lines: lines.map(readable), daemonRunning, caveat: null }
    },
    runSoon: async proof => {
      const argv = [...call.argv, '--proof', proof]
      const check: CronEntry = { ...call, argv, key: 'check', times: [nextMinutes(now(), PROOF_MINUTES)] }
      await edit(text => withEntry(text, owner, check))
      return { hasProof: true, [Symbol.asyncDispose]: async () => void (await withoutCheck()) }
    },
  }
}

const notHere = (): ClawError =>
  new ClawError('command-failed', 'Cannot schedule by cron: there is no "crontab" in PATH', {
    hint: 'Install cron, or run "claw-setup schedule --scheduler systemd" (launchd on a Mac)',
  })

/** Bytes of a crontab as the text they mean. */
const readable = (line: CrontabText): string => Buffer.from(line, 'latin1').toString('utf8')

const hasProgram = (name: string): boolean =>
  name.includes('/') ||
  (process.env.PATH || '/usr/bin:/bin').split(delimiter).some(folder => existsSync(join(folder || '.', name)))

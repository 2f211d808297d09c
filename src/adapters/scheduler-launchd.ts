import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { type LaunchAgent, launchAgentText } from './launch-agent.ts'
import {
  installLaunchAgent,
  type LaunchdSession,
  launchAgentFile,
  launchAgentState,
  removeLaunchAgent,
  restartLaunchAgent,
} from './launchd.ts'
import { NOTHING, type PingJob, SCHEDULED, type Scheduler } from './scheduler.ts'

/** launchd as the scheduler: a LaunchAgent with a StartInterval, which counts from its loading. */
export function launchdScheduler(
  job: PingJob,
  session?: LaunchdSession,
  platform = process.platform,
): Scheduler {
  const { label } = job
  const log = join(job.logs, 'ping.log')
  const agent: LaunchAgent = {
    label,
    argv: [job.program, ...SCHEDULED],
    stdoutLog: log,
    stderrLog: log,
    when: { kind: 'every', seconds: job.intervalMinutes * 60, runAtLoad: false },
  }
  const file = launchAgentFile(label, session)
  const text = () => launchAgentText(agent, session?.templates)
  const isHere = platform === 'darwin'
  return {
    kind: 'launchd',
    everyMinutes: job.intervalMinutes,
    where: file,
    get lines() {
      return text().trimEnd().split('\n')
    },
    trouble: async () => (isHere ? undefined : notHere()),
    install: () => installLaunchAgent(agent, session),
    remove: async () => (isHere || existsSync(file)) && (await removeLaunchAgent(label, session)),
    state: async () => {
      if (!isHere) return NOTHING
      const { text: written, isLoaded } = await launchAgentState(label, session)
      return {
        installed: written !== undefined && isLoaded,
        matches: isLoaded && written === text(),
        lines: written === undefined ? [] : written.trimEnd().split('\n'),
        daemonRunning: true,
        caveat: null,
      }
    },
    runSoon: async () => {
      await restartLaunchAgent(label, session)
      return { hasProof: false, [Symbol.asyncDispose]: async () => {} }
    },
  }
}

const notHere = (): ClawError =>
  new ClawError('bad-input', 'Cannot schedule by launchd: this is no Mac', {
    hint: 'Run "claw-setup schedule --scheduler cron", or with systemd',
  })

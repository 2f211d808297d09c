import type { KeepAlive, ResidentJob } from './keep-alive.ts'
import { type LaunchAgent, launchAgentText } from './launch-agent.ts'
import {
  installLaunchAgent,
  type LaunchdSession,
  launchAgentFile,
  launchAgentState,
  removeLaunchAgent,
  restartLaunchAgent,
} from './launchd.ts'

/** launchd as the keeper of one job. */
export function launchdKeepAlive(job: ResidentJob, session?: LaunchdSession): KeepAlive {
  const agent: LaunchAgent = { ...job, when: { kind: 'always' } }
  const text = () => launchAgentText(agent, session?.templates)
  const start = () => installLaunchAgent(agent, session)
  return {
    manager: 'launchd',
    file: launchAgentFile(job.label, session),
    text,
    start,
    stop: () => removeLaunchAgent(job.label, session),
    restart: async () => {
      if (!(await start())) await restartLaunchAgent(job.label, session)
    },
    state: async () => {
      const { text: written, isLoaded, pid, lastExitCode } = await launchAgentState(job.label, session)
      return {
        isInstalled: written !== undefined,
        isCurrent: written !== undefined && written === text(),
        isLoaded,
        pid,
        lastExitCode,
        startsAt: 'login',
      }
    },
  }
}

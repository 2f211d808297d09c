import { realpathSync } from 'node:fs'
import type { BashRemains, ReplaceBashDeps } from '../actions/replace-bash.ts'
import { type BashHome, bashLinesOf, withoutBashLinesOf } from '../fleet/bash-remains.ts'
import { ClawError } from '../fleet/error.ts'
import type { ReadyHome } from './home.ts'
import { crontabPlace } from './schedule-deps.ts'

/** What the bash version left here, and how each part is replaced but for our own schedule and announcement. */
export async function bashVersion(home: ReadyHome): Promise<Omit<ReplaceBashDeps, 'schedule' | 'announce'>> {
  const { paths, clock } = home
  const [scripts, { keepBashAgent }, crontab] = await Promise.all([
    import('../adapters/bash-scripts.ts'),
    import('../adapters/bash-agent.ts'),
    import('../adapters/crontab.ts'),
  ])
  const { remains, agent, whose } = await lookAround(home)
  return {
    remains,
    removeCronLines: async () => {
      const place = await crontabPlace(home)
      return await crontab.editCrontab(place, text => withoutBashLinesOf(text, whose), clock.now())
    },
    keepAgent: () => {
      if (agent !== undefined) keepBashAgent(agent, paths.backups, clock.now())
    },
    replaceScripts: () => scripts.replaceBashScripts(paths),
  }
}

async function lookAround({ paths }: Pick<ReadyHome, 'paths'>) {
  const [{ bashScripts }, { bashAgent }, { readCrontab }, { jobName }] = await Promise.all([
    import('../adapters/bash-scripts.ts'),
    import('../adapters/bash-agent.ts'),
    import('../adapters/crontab.ts'),
    import('../adapters/job-name.ts'),
  ])
  const isUsual = jobName('claw-clan', paths.home) === 'claw-clan'
  const scripts = bashScripts(paths)
  const named = (wanted: 'kept' | 'theirs') =>
    scripts.filter(({ state }) => state === wanted).map(({ name }) => name)
  const homes = [paths.home, realPath(paths.home)].map(path => Buffer.from(path).toString('latin1'))
  const whose: BashHome = { homes, isUsual, keptScripts: named('kept') }
  // Another home of this user never has the LaunchAgent, whose name is one for all.
  const agent = isUsual ? bashAgent() : undefined
  const cronLines = bashLinesOf(await readable(readCrontab), whose).map(asText)
  const remains: BashRemains = { cronLines, agent: agent?.file ?? null, scripts: named('theirs') }
  return { remains, agent, whose }
}

/** A crontab that cannot be read shows nothing here; what edits it stops and says why. */
async function readable(read: () => Promise<string>): Promise<string> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof ClawError) return ''
    throw error
  }
}

const asText = (line: string): string => Buffer.from(line, 'latin1').toString('utf8')

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

import { realpathSync } from 'node:fs'
import type { BashRemains, ReplaceBashDeps } from '../actions/replace-bash.ts'
import { type BashHome, bashLinesOf, withoutBashLinesOf } from '../fleet/bash-remains.ts'
import { ClawError } from '../fleet/error.ts'
import type { ReadyHome } from './home.ts'
import { crontabPlace } from './schedule-deps.ts'

/** What the bash version left here, and how each part is replaced but for our own schedule and announcement. */
export async function bashVersion(home: ReadyHome): Promise<Omit<ReplaceBashDeps, 'schedule' | 'announce'>> {
  const { paths, clock } = home
  const [scripts, agents, crontab, { jobName }] = await Promise.all([
    import('../adapters/bash-scripts.ts'),
    import('../adapters/bash-agent.ts'),
    import('../adapters/crontab.ts'),
    import('../adapters/job-name.ts'),
  ])
  const isUsual = jobName('claw-clan', paths.home) === 'claw-clan'
  const found = scripts.bashScripts(paths)
  const ofThisHome: BashHome = {
    home: Buffer.from(realPath(paths.home)).toString('latin1'),
    isUsual,
    keptScripts: found.filter(({ state }) => state === 'kept').map(({ name }) => name),
  }
  const agent = isUsual ? agents.bashAgent() : undefined
  const remains: BashRemains = {
    cronLines: bashLinesOf(await readable(crontab.readCrontab), ofThisHome).map(asText),
    agent: agent?.file ?? null,
    scripts: found.filter(({ state }) => state === 'theirs').map(({ name }) => name),
  }
  return {
    remains,
    removeCronLines: async () =>
      crontab.editCrontab(
        await crontabPlace(home),
        text => withoutBashLinesOf(text, ofThisHome),
        clock.now(),
      ),
    keepAgent: () => {
      if (agent !== undefined) agents.keepBashAgent(agent, paths.backups, clock.now())
    },
    replaceScripts: () => scripts.replaceBashScripts(paths),
  }
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

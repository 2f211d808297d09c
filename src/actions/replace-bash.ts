/** What the bash version left on this machine and runs by. */
export type BashRemains = {
  readonly cronLines: readonly string[]
  /** Path of its LaunchAgent; null where there is none. */
  readonly agent: string | null
  /** Names of its programs that we have too. */
  readonly scripts: readonly string[]
}

export type ReplaceBashDeps = {
  readonly remains: BashRemains
  /** Start our own; each throws what stands in the way. */
  readonly schedule: () => Promise<unknown>
  readonly announce: () => Promise<unknown>
  readonly removeCronLines: () => Promise<unknown>
  /** Keep a copy of its LaunchAgent, whose place ours takes. */
  readonly keepAgent: () => void
  /** @returns names of what was replaced */
  readonly replaceScripts: () => readonly string[]
}

/** True where there is anything of it. */
export const isBashAtWork = ({ cronLines, agent, scripts }: BashRemains): boolean =>
  cronLines.length > 0 || agent !== null || scripts.length > 0

/** What a person is shown before he agrees. */
export const shownRemains = ({ cronLines, agent, scripts }: BashRemains): string =>
  [
    ...(cronLines.length === 0 ? [] : ['In your crontab:', ...cronLines.map(line => `  ${line}`)]),
    ...(agent === null ? [] : ['LaunchAgent:', `  ${agent}`]),
    ...(scripts.length === 0 ? [] : [`Scripts: ${scripts.join(', ')}`]),
  ].join('\n')

/**
 * Put our own in the place of the bash version, part by part; each part of it goes only after ours works.
 *
 * @returns what was replaced, in a few words
 * @throws {ClawError} what stood in the way; the parts not reached are as they were
 */
export async function replaceBashVersion(deps: ReplaceBashDeps): Promise<string> {
  const { cronLines, agent, scripts } = deps.remains
  const replaced: string[] = []
  if (cronLines.length > 0) {
    await deps.schedule()
    await deps.removeCronLines()
    replaced.push(counted(cronLines.length, 'cron line'))
  }
  if (agent !== null) {
    deps.keepAgent()
    await deps.announce()
    replaced.push('its LaunchAgent')
  }
  if (scripts.length > 0) replaced.push(counted(deps.replaceScripts().length, 'script'))
  return `replaced ${replaced.join(', ')}`
}

const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

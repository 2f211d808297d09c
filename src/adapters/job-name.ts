import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * What launchd, systemd and cron know a job of this home by: the plain name for the home in its usual place, so that
 * the bash version's is replaced, and one of its own for every other home of the same user.
 *
 * @param home  absolute path
 */
export function jobName(base: string, home: string, env: NodeJS.ProcessEnv = process.env): string {
  const path = real(home)
  if (path === real(join(env.HOME || homedir(), '.openclaw', 'claw-clan'))) return base
  return `${base}-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`
}

/** One folder has one name here, however it was written. */
function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

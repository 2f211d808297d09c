import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { runProgram } from './process.ts'
import type { SystemdSession } from './systemd.ts'

/** Whether a user's systemd runs without him being logged in: from boot on, and after he logs out. */
export type Linger = { readonly user: string; readonly isOn: boolean }

const TIMEOUT_MS = 10_000

/** Does this user's systemd live without a login? */
export async function lingerState({ env }: Pick<SystemdSession, 'env'> = process): Promise<Linger> {
  const user = userInfo().username
  const asked = await runProgram('loginctl', ['show-user', user, '--property=Linger', '--value'], {
    timeoutMs: TIMEOUT_MS,
    env,
  }).catch(() => undefined)
  if (asked?.code === 0) return { user, isOn: asked.stdout.trim() === 'yes' }
  // loginctl knows only who is there now; this is where logind keeps it.
  return { user, isOn: existsSync(join('/var/lib/systemd/linger', user)) }
}

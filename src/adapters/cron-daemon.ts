import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { runProgram } from './process.ts'

const NAMES = new Set(['cron', 'crond', 'fcron', 'dcron'])

/** Debian's systemd-cron has no daemon: it makes a timer of every crontab line. */
const GENERATOR = '/usr/lib/systemd/system-generators/systemd-crontab-generator'

/** Bound on a look at the processes where there is no /proc. */
const PS_TIMEOUT_MS = 5000

/**
 * Does anything here start what the crontabs say?
 *
 * @returns null where that cannot be told: other users' processes are hidden, or cron starts on demand (macOS)
 */
export async function isCronRunning(platform = process.platform): Promise<boolean | null> {
  const names = platform === 'linux' ? fromProc() : await fromPs()
  if (names?.some(name => NAMES.has(name))) return true
  if (names === undefined || platform === 'darwin' || existsSync(GENERATOR)) return null
  return false
}

/** Names of all processes; undefined where not even the first one is shown. */
function fromProc(): readonly string[] | undefined {
  const names = readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .map(pid => [pid, nameOf(pid)] as const)
  return names.some(([pid, name]) => pid === '1' && name !== '') ? names.map(([, name]) => name) : undefined
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '' // ended meanwhile, or hidden
  }
}

async function fromPs(): Promise<readonly string[] | undefined> {
  const listed = await runProgram('ps', ['-A', '-o', 'comm='], { timeoutMs: PS_TIMEOUT_MS }).catch(
    () => undefined,
  )
  return listed?.code === 0 ? listed.stdout.split('\n').map(line => basename(line.trim())) : undefined
}

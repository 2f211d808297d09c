import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import { ClawError } from '../fleet/error.ts'
import { readSettings, type SettingsReading } from '../fleet/settings.ts'
import type { HomePaths } from './home-paths.ts'

/** A settings file is a page of text; aliases in YAML can stand for far more than their bytes. */
export const MAX_SETTINGS_BYTES = 256 * 1024

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Read this machine's settings: the file named by `CLAW_CLAN_CONFIG`, else `config.json`, `config.yaml` or
 * `config.yml` of the home, in this order. Without a file everything has its default.
 *
 * Only data is read, and only a file that nobody but its owner, us or root, can have written.
 *
 * @returns the settings. A file that cannot be used at all is one problem, `bad-settings` with its path; the
 *   defaults then stand in, as for any bad value
 */
export async function readSettingsFile(
  paths: Pick<HomePaths, 'home' | 'config'>,
  env: Environment,
): Promise<SettingsReading> {
  const file = settingsPath(paths, env)
  if (file === undefined) return readSettings({}, paths.config, env)
  try {
    return readSettings(await parseFile(file, readTrusted(file)), file, env)
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    const defaults = readSettings({}, file, env)
    return { ...defaults, problems: [error, ...defaults.problems] }
  }
}

/** The settings file that counts on this machine; undefined when there is none. */
export function settingsPath({ home, config }: Pick<HomePaths, 'home' | 'config'>, env: Environment): string | undefined {
  if (env.CLAW_CLAN_CONFIG !== undefined && env.CLAW_CLAN_CONFIG !== '') return resolve(env.CLAW_CLAN_CONFIG)
  return [config, join(home, 'config.yaml'), join(home, 'config.yml')].find(path => existsSync(path))
}

const refuse = (file: string, why: string, hint: string) =>
  new ClawError('bad-settings', `Cannot use "${file}": ${why}`, { hint })

function readTrusted(file: string): string {
  let handle: number
  try {
    // Not waiting for a pipe that somebody put there.
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw refuse(file, systemReason(error), 'See that the file exists and belongs to you')
  }
  try {
    checkTrusted(file, fstatSync(handle))
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

function systemReason(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMessage(error.errno)
  }
  throw error
}

/** As sshd does with keys (StrictModes): what others can write they can make us do. */
function checkTrusted(file: string, { mode, uid, gid, size, ...stat }: Stats): void {
}

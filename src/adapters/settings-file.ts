import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type { CosmiconfigResult } from 'cosmiconfig'
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
export function settingsPath(
  { home, config }: Pick<HomePaths, 'home' | 'config'>,
  env: Environment,
): string | undefined {
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

/**
 * As sshd does with keys (StrictModes): what others can write, they can make us do. The group may write where it is
 * the owner's private one, which many systems give to every file.
 */
function checkTrusted(file: string, stat: Stats): void {
  const own = process.getuid?.() ?? stat.uid
  const privateGroup = stat.uid !== 0 && stat.gid === stat.uid
  if (!stat.isFile()) throw refuse(file, 'it is not a file', 'Put a JSON or YAML file there')
  if (stat.uid !== own && stat.uid !== 0) {
    throw refuse(file, `it belongs to user ${stat.uid}`, `Make it yours: chown ${own} "${file}"`)
  }
  if ((stat.mode & (privateGroup ? 0o002 : 0o022)) !== 0) {
    throw refuse(file, 'others can write to it', `Take that away: chmod go-w "${file}"`)
  }
  if (stat.size > MAX_SETTINGS_BYTES) {
    throw refuse(
      file,
      `it has ${stat.size} bytes, and at most ${MAX_SETTINGS_BYTES} are read`,
      'Is this the right file?',
    )
  }
}

async function parseFile(file: string, text: string): Promise<unknown> {
  const format = extname(file).toLowerCase()
  if (format !== '.json' && format !== '.yaml' && format !== '.yml') {
    throw refuse(
      file,
      'its name must end in ".json", ".yaml" or ".yml"',
      'Settings are data: no program is run for them',
    )
  }
  if (text.trim() === '') throw refuse(file, 'the file is empty', 'Remove it, or write "{}" into it')
  const content = format === '.json' ? parseJson(file, text) : await parseYaml(file, text)
  if (typeof content === 'object' && content !== null && '$import' in content) throw importing(file)
  return content
}

const importing = (file: string) =>
  refuse(file, '"$import" is not supported', 'Put the settings themselves into the file')

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // The rest of the engine's message repeats parts of the file, and there may be a password in it.
    const where = /line \d+ column \d+/.exec(error.message)?.[0]
    throw refuse(
      file,
      `it is not JSON${where === undefined ? '' : ` (${where})`}`,
      'Correct it, or remove the file',
    )
  }
}

/**
 * YAML by cosmiconfig's `load`, kept from everything else it can do: no search, no loader that runs code, no
 * `$import` of other files, and the text that was checked instead of a second read of the file.
 */
async function parseYaml(file: string, text: string): Promise<unknown> {
  const [{ Explorer }, { loadYaml }] = await Promise.all([
    import('cosmiconfig/dist/Explorer.js'),
    import('cosmiconfig/dist/loaders.js'),
  ])
  const loader = (path: string): unknown => {
    const content: unknown = path === file ? loadYaml(path, text) : undefined
    if (typeof content === 'object' && content !== null && '$import' in content) throw importing(file)
    return content
  }
  const explorer = new Explorer({
    loaders: { [extname(file)]: loader },
    searchPlaces: [],
    searchStrategy: 'none',
    ignoreEmptySearchPlaces: true,
    cache: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    transform: (result: CosmiconfigResult) => result,
  })
  try {
    return (await explorer.load(file))?.config
  } catch (error) {
    if (error instanceof ClawError) throw error
    throw refuse(file, `it is not YAML${yamlLine(error)}`, 'Correct it, or remove the file')
  }
}

function yamlLine(error: unknown): string {
  const found = error instanceof Error ? /\((\d+):\d+\)/.exec(error.message)?.[1] : undefined
  return found === undefined ? '' : ` (line ${found})`
}

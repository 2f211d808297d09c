import { ClawError, type ErrorDetails } from './error.ts'
import { parseValue } from './parse.ts'
import { SETTINGS, type SettingKey, type Settings } from './setting-table.ts'

export type { SettingKey, Settings } from './setting-table.ts'

/** A config file as read: settings, the values that had to be replaced, and keys nobody here knows. */
export type SettingsReading = {
  readonly settings: Settings
  /** One per bad value, fit to be shown; the default stands in. */
  readonly problems: readonly ClawError[]
  /** Dotted paths, kept in the file: an older program after a rollback must still run. */
  readonly unknownKeys: readonly string[]
  /** Settings the file itself names, so not merely at their default; what an owner was asked once is here. */
  readonly givenKeys: readonly SettingKey[]
}

/**
 * Check a parsed config file and complete it with defaults. `null` stands for "not set", as the bash version
 * wrote it.
 *
 * @param file  path for messages
 * @param env   `CLAW_PING_TIMEOUT` and `CLAW_PG_*` win over the file
 */
export function readSettings(
  content: unknown,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): SettingsReading {
  if (!isObject(content)) {
    const problem = new ClawError(
      'bad-settings',
      `Cannot use "${file}": it must be a JSON object`,
      editHint(file),
    )
    return { ...readSettings({}, file, env), problems: [problem] }
  }
  const inFile = flatten(content)
  const given = new Map([...inFile, ...fromEnvironment(env)])
  const problems = [...given.keys()].filter(key => GROUPS.has(key)).map(key => notAGroup(key, file))
  const settings = Object.fromEntries(
    Object.entries(SETTINGS).map(([key, { schema, default: fallback }]) => {
      const { value, source = `${file}: ${key}` } = given.get(key) ?? { value: null }
      // What equals the default needs no check, and most files hold little else.
      if (value === null || value === fallback) return [key, fallback]
      try {
        return [key, parseValue(schema(), value, source, 'bad-settings')]
      } catch (error) {
        if (!(error instanceof ClawError)) throw error
        const message = SECRET.test(key)
          ? `Cannot use the value for ${source}: it must be text`
          : error.message
        problems.push(new ClawError('bad-settings', message, editHint(file)))
        return [key, fallback]
      }
    }),
  )
  const unknownKeys = [...given.keys()].filter(key => !Object.hasOwn(SETTINGS, key) && !GROUPS.has(key))
  const givenKeys = inFile.flatMap(([key, { value }]) => (isSettingKey(key) && value !== null ? [key] : []))
  return { settings: Object.freeze(settings) as Settings, problems, unknownKeys, givenKeys }
}

const isSettingKey = (key: string): key is SettingKey => Object.hasOwn(SETTINGS, key)

/** Settings whose value no message may repeat. */
const SECRET = /password/

const GROUPS = new Set(
  Object.keys(SETTINGS).flatMap(key => (key.includes('.') ? [key.split('.')[0] ?? ''] : [])),
)

const editHint = (file: string): ErrorDetails => ({ hint: `Correct or remove it in "${file}"` })

const notAGroup = (key: string, file: string) =>
  new ClawError(
    'bad-settings',
    `Cannot use the value for ${file}: ${key}: it must be a JSON object`,
    editHint(file),
  )

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type Given = { readonly value: unknown; readonly source?: string }

function flatten(content: object): [string, Given][] {
  return Object.entries(content).flatMap(([key, value]): [string, Given][] => {
    if (!GROUPS.has(key)) return [[key, { value }]]
    if (value === null) return []
    if (!isObject(value)) return [[key, { value }]]
    return Object.entries(value).map(([inner, innerValue]) => [`${key}.${inner}`, { value: innerValue }])
  })
}

const ENVIRONMENT: readonly { readonly name: string; readonly key: SettingKey; readonly number?: true }[] = [
  { name: 'CLAW_PING_TIMEOUT', key: 'pingTimeoutSeconds', number: true },
  { name: 'CLAW_PG_HOST', key: 'postgres.host' },
  { name: 'CLAW_PG_PORT', key: 'postgres.port', number: true },
  { name: 'CLAW_PG_DB', key: 'postgres.database' },
  { name: 'CLAW_PG_USER', key: 'postgres.user' },
  { name: 'CLAW_PG_PASS', key: 'postgres.password' },
]

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): [string, Given][] {
  return ENVIRONMENT.flatMap(({ name, key, number }): [string, Given][] => {
    const raw = env[name]
    if (raw === undefined || raw === '') return []
    return [[key, { value: number && /^\d+$/.test(raw) ? Number(raw) : raw, source: `environment: ${name}` }]]
  })
}

/** What holds where the file says nothing. Last in this file: it needs the tables above. */
export const DEFAULT_SETTINGS: Settings = readSettings({}, 'defaults', {}).settings

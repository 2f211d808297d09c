import { field, oneOf, wholeNumber, z } from './parse.ts'
import { isSafeText } from './text.ts'

const text = (max: number) =>
  z.string().check(
    z.refine(value => value.length <= max && isSafeText(value), {
      error: `text of at most ${max} characters without control characters`,
    }),
  )
const flag = () => z.boolean({ error: 'true or false' })
const list = <T extends z.core.$ZodType>(of: T, max: number) =>
  z
    .array(of, { error: `a list of at most ${max}` })
    .check(z.maxLength(max, { error: `a list of at most ${max}` }))
const nullable = <T extends z.core.$ZodType>(of: T) => z.nullable(of)

/**
 * Every setting of `config.json`: what is allowed and the default. Units are in the names.
 *
 * A nested group is written as nested keys in the file: `postgres.port` is `{"postgres": {"port": 5432}}`.
 */
export const SETTINGS = {
  backend: setting(() => oneOf(['json', 'postgres']), 'json'),
  // How often the schedule probes everybody. Lower finds a death sooner and costs each peer one login (about 30 ms CPU) a round.
  pingIntervalMinutes: setting(() => wholeNumber(1, 1440), 15),
  // Offline after threshold x interval minutes. Higher: fewer false alarms, slower discovery of a real death.
  offlineThresholdPings: setting(() => wholeNumber(1, 100), 2),
  monitorIntervalMinutes: setting(() => wholeNumber(1, 1440), 5),
  // Bound on one whole probe. Higher tolerates slower machines; a hung one costs a round this long.
  pingTimeoutSeconds: setting(() => wholeNumber(1, 60), 10),
  // One round is enough to call a peer offline when a second machine confirms it.
  confirmFast: setting(flag, true),
  'postgres.host': setting(() => nullable(field.host), null),
  'postgres.port': setting(() => field.port, 5432),
  'postgres.database': setting(() => text(63), 'claw_clan'),
  'postgres.user': setting(() => nullable(text(63)), null),
  'postgres.password': setting(() => nullable(text(1024)), null),
  'postgres.deployed': setting(flag, false),
  'postgres.deployMethod': setting(() => nullable(text(32)), null),
  pingRetentionDays: setting(() => wholeNumber(1, 3650), 90),
  journalMaxMb: setting(() => wholeNumber(1, 10_000), 100),
  onOffline: setting(() => oneOf(['ask', 'monitor', 'ignore']), 'ask'),
  autoRecover: setting(flag, false),
  alerts: setting(() => list(z.looseObject({}), 16), []),
  // Interface names to announce and browse on; empty means every real one.
  'mdns.interfaces': setting(() => list(text(32), 16), []),
  scheduler: setting(() => oneOf(['cron', 'launchd', 'systemd', 'none']), 'cron'),
  // OpenClaw gateways of this machine; empty means look in ~/.openclaw.
  gateways: setting(() => list(z.looseObject({ profile: z.optional(text(64)), port: field.port }), 32), []),
  'allow.syncSkills': setting(flag, true),
  'allow.restartGateway': setting(flag, false),
  'skills.repo': setting(() => nullable(text(1024)), null),
  'skills.branch': setting(() => nullable(text(255)), null),
  'skills.pin': setting(() => nullable(text(64)), null),
  'skills.signers': setting(() => nullable(text(1024)), null),
  'skills.allow': setting(() => list(text(64), 1000), []),
  'skills.deny': setting(() => list(text(64), 1000), []),
  'hub.host': setting(() => field.host, '127.0.0.1'),
  'hub.port': setting(() => field.port, 9077),
  'hub.restPort': setting(() => field.port, 3001),
  'hub.wsPort': setting(() => field.port, 3002),
  'hub.publicHosts': setting(() => list(field.host, 64), []),
  'hub.tls': setting(() => nullable(z.looseObject({ cert: text(1024), key: text(1024) })), null),
} as const

type Setting<T extends z.core.$ZodType> = {
  /** Made at its first use: a settings file names few of them, and each costs start-up time. */
  readonly schema: () => T
  readonly default: z.core.output<T>
}
export type SettingKey = keyof typeof SETTINGS
/** All settings, complete and frozen; keys are the dotted paths of the file. */
export type Settings = {
  readonly [K in SettingKey]: z.core.output<ReturnType<(typeof SETTINGS)[K]['schema']>>
}

function setting<const T extends z.core.$ZodType>(schema: () => T, fallback: z.core.output<T>): Setting<T> {
  return { schema, default: fallback }
}

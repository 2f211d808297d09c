import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS, readSettings } from '../../../src/fleet/settings.ts'

const read = (content: unknown, env: Record<string, string> = {}) =>
  readSettings(content, '/home/config.json', env)

test('an empty file gives the documented defaults', () => {
  expect(read({})).toMatchObject({ settings: DEFAULT_SETTINGS, problems: [], unknownKeys: [] })
  expect(DEFAULT_SETTINGS).toMatchObject({
    backend: 'json',
    pingIntervalMinutes: 15,
    offlineThresholdPings: 2,
    monitorIntervalMinutes: 5,
    pingTimeoutSeconds: 10,
    confirmFast: true,
    'postgres.port': 5432,
    'postgres.database': 'claw_clan',
    pingRetentionDays: 90,
    journalMaxMb: 100,
    onOffline: 'ask',
    autoRecover: false,
    'allow.syncSkills': true,
    'allow.restartGateway': false,
    'hub.port': 9077,
  })
})

test('the config file of the bash version is read without a complaint', () => {
  const reading = read({
    backend: 'json',
    pingIntervalMinutes: 15,
    offlineThresholdPings: 2,
    monitorIntervalMinutes: 5,
    postgres: {
      host: null,
      port: 5432,
      database: 'claw_clan',
      user: null,
      password: null,
      deployed: false,
      deployMethod: null,
    },
  })

  expect(reading).toMatchObject({ problems: [], unknownKeys: [] })
})

test.each([
  { content: { pingIntervalMinutes: 0 }, says: ['pingIntervalMinutes', '0', 'from 1 to 1440'] },
  { content: { pingTimeoutSeconds: 61 }, says: ['pingTimeoutSeconds', '61', 'from 1 to 60'] },
  { content: { pingTimeoutSeconds: '10' }, says: ['pingTimeoutSeconds', 'number'] },
  { content: { backend: 'mysql' }, says: ['backend', 'mysql', '"json", "postgres"'] },
  { content: { autoRecover: 'yes' }, says: ['autoRecover', 'yes', 'true or false'] },
  { content: { postgres: { port: 99_999 } }, says: ['postgres.port', '99999', 'from 1 to 65535'] },
  { content: { mdns: { interfaces: 'en0' } }, says: ['mdns.interfaces', 'en0'] },
  { content: { postgres: 'x' }, says: ['postgres'] },
])('a bad value is named with file, key, value and what is allowed: $says', ({ content, says }) => {
  const { problems, settings } = read(content)

  expect(problems).toHaveLength(1)
  for (const part of ['/home/config.json', ...says]) expect(problems[0]?.message).toContain(part)
  expect(problems[0]?.message).not.toContain('\n')
  expect(settings).toEqual(DEFAULT_SETTINGS)
})

test.each([[[]], [null], ['text'], [7]])('a file that holds %j is one problem, and defaults', content => {
  expect(read(content)).toMatchObject({ problems: [{ code: 'bad-settings' }], settings: DEFAULT_SETTINGS })
})

test('unknown keys are reported by their path and break nothing', () => {
  expect(read({ futureKey: 1, hub: { colour: 'red' } })).toMatchObject({
    unknownKeys: ['futureKey', 'hub.colour'],
    problems: [],
  })
})

test('the environment wins over the file and is named when it is wrong', () => {
  expect(read({ pingTimeoutSeconds: 5 }, { CLAW_PING_TIMEOUT: '30' }).settings.pingTimeoutSeconds).toBe(30)
  expect(read({}, { CLAW_PG_PORT: 'x' }).problems[0]?.message).toContain('CLAW_PG_PORT')
})

test('settings are frozen', () => {
  expect(Object.isFrozen(read({}).settings)).toBe(true)
})

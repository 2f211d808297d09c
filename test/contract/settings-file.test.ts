import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { readSettingsFile, settingsPath } from '../../src/adapters/settings-file.ts'
import { DEFAULT_SETTINGS } from '../../src/fleet/settings.ts'
import { changeSettings, ensureSettingsFile } from '../../src/store/settings-document.ts'
import { run } from '../support/lab/run.ts'
import { jsonIn, put, storeHome } from '../support/store-home.ts'

const script = join(import.meta.dirname, '..', 'support', 'settings-reader.ts')

async function homeWith(name: string, content: string | object) {
  const home = await storeHome()
  const path = join(home.paths.home, name)
  put(path, content)
  return { ...home, path }
}

describe('readSettingsFile()', () => {
  test('has every default where there is no file', async () => {
    await using home = await storeHome()

    expect(await readSettingsFile(home.paths, {})).toEqual({
      settings: DEFAULT_SETTINGS,
      problems: [],
      unknownKeys: [],
      givenKeys: [],
    })
  })

  test.each([
    { name: 'config.json', content: '{"pingIntervalMinutes":7,"postgres":{"port":5433},"colour":"red"}' },
    { name: 'config.yaml', content: 'pingIntervalMinutes: 7\npostgres:\n  port: 5433\ncolour: red\n' },
    { name: 'config.yml', content: 'pingIntervalMinutes: 7\npostgres: {port: 5433}\ncolour: red\n' },
    { name: 'other.YAML', content: '"pingIntervalMinutes": 7\npostgres: {port: 5433}\ncolour: red\n' },
  ])('reads $name', async ({ name, content }) => {
    await using home = await homeWith(name, content)
    const env = name.startsWith('other') ? { CLAW_CLAN_CONFIG: home.path } : {}

    const { settings, problems, unknownKeys } = await readSettingsFile(home.paths, env)

    expect({ problems, unknownKeys }).toEqual({ problems: [], unknownKeys: ['colour'] })
    expect(settings).toMatchObject({
      pingIntervalMinutes: 7,
      'postgres.port': 5433,
      offlineThresholdPings: 2,
    })
  })

  test('takes config.json before config.yaml, and CLAW_CLAN_CONFIG before both', async () => {
    await using home = await homeWith('config.yaml', 'pingIntervalMinutes: 1')
    put(home.paths.config, { pingIntervalMinutes: 2 })
    put(join(home.paths.home, 'mine.json'), { pingIntervalMinutes: 3 })
    const interval = async (env: Record<string, string>) =>
      (await readSettingsFile(home.paths, env)).settings.pingIntervalMinutes

    expect(await interval({})).toBe(2)
    expect(await interval({ CLAW_CLAN_CONFIG: '' })).toBe(2)
    expect(await interval({ CLAW_CLAN_CONFIG: join(home.paths.home, 'mine.json') })).toBe(3)
  })

  test.each([
    { name: 'config.json', content: '', says: 'the file is empty' },
    { name: 'config.json', content: '{"a":1', says: 'it is not JSON' },
    { name: 'config.json', content: '[]', says: 'it must be a JSON object' },
    { name: 'config.json', content: '{"$import":"/etc/passwd"}', says: '"$import" is not supported' },
    { name: 'config.yaml', content: 'a: [1', says: 'it is not YAML (line 1)' },
    { name: 'config.yaml', content: 'a: 1\na: 2', says: 'it is not YAML (line 2)' },
    { name: 'config.yaml', content: 'a: !!js/function "function () {}"', says: 'it is not YAML' },
    { name: 'config.yaml', content: 'just text', says: 'it must be a JSON object' },
    { name: 'config.yaml', content: '$import: /etc/passwd', says: '"$import" is not supported' },
    { name: 'config.yaml', content: `a: ${'x'.repeat(256 * 1024)}`, says: 'at most 262144 are read' },
  ])(
    'has the defaults and one problem with the path for $name that $says',
    async ({ name, content, says }) => {
      await using home = await homeWith(name, content)

      const { settings, problems } = await readSettingsFile(home.paths, { CLAW_PG_HOST: 'db.local' })

      expect(problems).toMatchObject([{ code: 'bad-settings' }])
      expect(problems[0]?.message).toContain(`"${home.path}"`)
      expect(problems[0]?.message).toContain(says)
      expect(settings).toEqual({ ...DEFAULT_SETTINGS, 'postgres.host': 'db.local' })
    },
  )

  test('tells of no content, because there may be a password in it', async () => {
    await using home = await homeWith('config.json', '{"postgres":{"password":hunter2}}')
    put(join(home.paths.home, 'bad.yaml'), 'postgres: {password: hunter2')

    const json = await readSettingsFile(home.paths, {})
    const yaml = await readSettingsFile(home.paths, { CLAW_CLAN_CONFIG: join(home.paths.home, 'bad.yaml') })

    const said = [...json.problems, ...yaml.problems].map(
      error => `${error.message} ${error.hint} ${error.cause}`,
    )
    expect(said).toHaveLength(2)
    expect(said.join()).not.toContain('hunter2')
  })

  test('refuses a file that others can write', async () => {
    await using home = await homeWith('config.json', { pingIntervalMinutes: 7 })
    for (const mode of [0o646, 0o666, 0o662]) {
      chmodSync(home.path, mode)
      const { settings, problems } = await readSettingsFile(home.paths, {})
      expect(problems).toMatchObject([{ message: `Cannot use "${home.path}": others can write to it` }])
      expect(settings.pingIntervalMinutes).toBe(15)
    }

    chmodSync(home.path, 0o644)
    expect((await readSettingsFile(home.paths, {})).settings.pingIntervalMinutes).toBe(7)
  })

  test('refuses what is no file, a name of another format, and a file that is not there', async () => {
    await using home = await storeHome()
    mkdirSync(home.paths.home)
    const named = async (name: string, make?: (path: string) => void) => {
      const path = join(home.paths.home, name)
      make?.(path)
      return (await readSettingsFile(home.paths, { CLAW_CLAN_CONFIG: path })).problems.map(({ message }) =>
        message.replace(path, 'PATH'),
      )
    }

    expect(await named('folder.json', path => mkdirSync(path))).toEqual([
      'Cannot use "PATH": it is not a file',
    ])
    expect(await named('pipe.json', path => execFileSync('mkfifo', [path]))).toEqual([
      'Cannot use "PATH": it is not a file',
    ])
    expect(await named('none.json')).toEqual(['Cannot use "PATH": no such file or directory'])
    const format = 'Cannot use "PATH": its name must end in ".json", ".yaml" or ".yml"'
    for (const name of ['config.ts', 'config.js', 'config.cjs', 'config.mjs', 'clawrc', 'config.toml']) {
      expect(await named(name, path => put(path, 'throw new Error("ran")'))).toEqual([format])
    }
  })

  test('runs nothing of the working directory, whatever lies there', async () => {
    await using home = await homeWith('config.yaml', 'pingIntervalMinutes: 7')
    const cwd = join(home.paths.home, 'cloned')
    const marker = join(home.paths.home, 'ran')
    const esm = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(marker)}, ''); export default {}`
    const cjs = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
    for (const name of ['.config/config.ts', '.config/config.mjs', '.config/config.js', '.clawclanrc.ts'])
      put(join(cwd, name), esm)
    for (const name of ['.config/config.cjs', '.clawclanrc.cjs']) put(join(cwd, name), cjs)
    put(join(cwd, 'package.json'), { 'claw-clan': { pingIntervalMinutes: 1 } })

    const ours = await run([process.execPath, script, home.paths.home], { cwd })
    const ranForUs = existsSync(marker)
    // The same place makes the package's own function run code: the trap is real.
    await run([process.execPath, script, home.paths.home, 'as-the-package-does'], { cwd })

    expect(JSON.parse(ours.stdout)).toEqual({ pingIntervalMinutes: 7, problems: [] })
    expect({ ranForUs, ranForThePackage: existsSync(marker) }).toEqual({
      ranForUs: false,
      ranForThePackage: true,
    })
  })
})

describe('settings that are written', () => {
  test('ensureSettingsFile() writes the main settings once', async () => {
    await using home = await storeHome()
    const parts = { paths: home.paths, clock: systemClock }

    expect(settingsPath(home.paths, {})).toBeUndefined()
    expect(await ensureSettingsFile(parts)).toBe(true)
    put(home.paths.config, { ...(jsonIn(home.paths.config) as object), pingIntervalMinutes: 3 })
    expect(await ensureSettingsFile(parts)).toBe(false)

    expect(settingsPath(home.paths, {})).toBe(home.paths.config)
    const { settings, problems } = await readSettingsFile(home.paths, {})
    expect({ settings, problems }).toEqual({
      settings: { ...DEFAULT_SETTINGS, pingIntervalMinutes: 3 },
      problems: [],
    })
  })

  test('changeSettings() changes what it is told and says whether anything was new', async () => {
    await using home = await storeHome()
    const parts = { paths: home.paths, clock: systemClock }

    expect(await changeSettings(parts, { 'hub.port': 9078, confirmFast: false })).toBe(true)
    expect(await changeSettings(parts, { 'hub.port': 9078 })).toBe(false)

    expect(jsonIn(home.paths.config)).toEqual({ hub: { port: 9078 }, confirmFast: false })
  })

  test('changeSettings() refuses a bad value, and a file it cannot keep, and writes nothing', async () => {
    await using home = await homeWith('config.json', '{"hub": {"port": 1}')
    const parts = { paths: home.paths, clock: systemClock }

    await expect(changeSettings(parts, { 'hub.port': 0 })).rejects.toMatchObject({ code: 'bad-settings' })
    await expect(changeSettings(parts, { 'hub.port': 5 })).rejects.toMatchObject({
      code: 'bad-settings',
      message: expect.stringContaining(home.path),
    })

    expect(readFileSync(home.path, 'utf8')).toBe('{"hub": {"port": 1}')
  })
})

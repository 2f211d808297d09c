import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { treeOf } from '../support/installed.ts'
import { temporaryFolder } from '../support/program.ts'
import { startTyped } from '../support/typed.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const INSTALL = join(ROOT, 'install.ts')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let home: string
beforeEach(async () => {
  folder = await temporaryFolder()
  home = join(folder.path, 'user')
  mkdirSync(join(home, '.openclaw'), { recursive: true })
})
afterEach(() => folder[Symbol.asyncDispose]())

const clan = () => join(home, '.openclaw', 'claw-clan')
const environment = () => ({
  HOME: home,
  PATH: '/usr/bin:/bin',
  CLAW_CLAN_AUTHORIZED_KEYS: join(home, '.ssh', 'authorized_keys'),
})
/** As a person does, from wherever he is. */
const install = (...args: string[]) =>
  spawnSync(process.execPath, [INSTALL, ...args], { encoding: 'utf8', env: environment(), cwd: '/' })

test('install.ts --dry-run writes nothing, and says what it would do', () => {
  const before = treeOf(home)

  const { status, stdout, stderr } = install('--dry-run')

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^Would be at \d+\.\d+\.\d+-[0-9a-f]{12}\n/)
  expect(treeOf(home)).toEqual(before)
})

test('install.ts without a node on the machine brings its own, and never names the clone', () => {
  const { status, stdout, stderr } = install('--json')

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const { node, version, schema } = JSON.parse(stdout)
  expect(schema).toBe(1)
  expect(realpathSync(join(clan(), 'current'))).toBe(join(clan(), 'versions', version))
  expect(realpathSync(node.path)).not.toContain(ROOT)
  for (const name of ['claw-ping', 'claw-peer'])
    expect(readFileSync(join(clan(), 'bin', name), 'utf8')).not.toContain(ROOT)
  const bare = spawnSync(join(home, '.local', 'bin', 'claw-clan'), ['--version'], {
    encoding: 'utf8',
    env: {},
  })
  expect(bare).toMatchObject({ status: 0, stderr: '' })
})

test('install.ts --setup hands what is not its own to claw-setup', () => {
  const flags = ['--yes', '--no-links', '--name', 'Studio', '--lead=7', '--node', process.execPath]

  const { status, stdout } = install('--setup', ...flags, '--gateway-id', 'mini')

  expect(status).toBe(0)
  expect(stdout).toMatch(/^Now at .*\nSet up this machine as mini\n/s)
  expect(JSON.parse(readFileSync(join(clan(), 'state.json'), 'utf8'))).toMatchObject({
    ...{ gatewayId: 'mini', name: 'Studio', leadNumber: 7 },
  })
  expect(existsSync(join(home, '.local'))).toBe(false)
  expect(install('--uninstall', '--yes')).toMatchObject({ status: 0, stderr: '' })
  expect(treeOf(home)).toEqual({ '.openclaw': expect.any(String) })
})

test.each([
  [['--no-such'], '--no-such'],
  [['--setup', '--json'], '--json'],
  [['--rollback', '--uninstall'], '--rollback and --uninstall'],
  [['--node', 'node'], '--node'],
])('install.ts %j ends with 2 and names what is wrong', (args, says) => {
  const { status, stdout, stderr } = install(...args)
  const said = stdout + stderr

  expect(status).toBe(2)
  expect(said).toContain(says)
  expect(existsSync(join(clan(), 'current'))).toBe(false)
})

test('install.ts --help fits 80 columns', () => {
  const { status, stdout } = install('--help')

  expect(status).toBe(0)
  expect(stdout.split('\n').filter(line => line.length > 80)).toEqual([])
})

test('npm run setup starts under an older Node too', () => {
  const old = ['/usr/bin/node'].find(existsSync) ?? process.execPath
  const setup = join(ROOT, 'scripts', 'setup.cjs')

  const { status, stdout } = spawnSync(old, [setup, '--dry-run', '--help'], {
    encoding: 'utf8',
    env: environment(),
  })

  expect(status).toBe(0)
  expect(stdout).toContain('Usage: install.ts')
})

test.each([
  ['not where it is there', '1.2.3', 'installed\n'],
  ['where the clone was updated since', '1.2.4', 'fetched ci\ninstalled\n'],
])('npm run setup fetches packages %s', (_why, wanted, says) => {
  const clone = join(folder.path, 'clone')
  const place = join(clone, 'node_modules', 'some')
  for (const each of [place, join(clone, 'scripts')]) mkdirSync(each, { recursive: true })
  const write = (file: string, value: object) => writeFileSync(file, JSON.stringify(value))
  write(join(place, 'package.json'), { version: '1.2.3' })
  write(join(clone, 'package.json'), { devDependencies: { some: wanted } })
  copyFileSync(join(ROOT, 'scripts', 'setup.cjs'), join(clone, 'scripts', 'setup.cjs'))
  const npm = join(folder.path, 'npm.cjs')
  writeFileSync(npm, "console.log('fetched', process.argv.slice(2).join())")
  writeFileSync(join(clone, 'install.ts'), "console.log('installed')")

  const { stdout } = spawnSync(process.execPath, [join(clone, 'scripts', 'setup.cjs')], {
    encoding: 'utf8',
    env: { ...environment(), npm_execpath: npm },
  })

  expect(stdout).toBe(says)
})

test('a person is asked before anything is removed, and "no" removes nothing', async () => {
  install('--no-links', '--node', process.execPath)
  const before = treeOf(clan(), path => path.includes('/dist/cache') || path.startsWith('locks'))

  const typed = startTyped('setup', ['uninstall', '--home', clan()])
  await typed.waitFor(/Remove claw-clan from this machine\? \(yes\/no\)/)
  typed.type('no\r')

  expect(await typed.ended).toBe(1)
  expect(typed.screen()).toContain('nothing was removed')
  expect(treeOf(clan(), path => path.includes('/dist/cache') || path.startsWith('locks'))).toEqual(before)
})

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replaceBashScripts } from '../../src/adapters/bash-scripts.ts'
import { withGrant } from '../../src/fleet/authorized-keys.ts'
import { id } from '../support/builders.ts'
import { buildPrograms, makeOwner, type Owner, treeOf } from '../support/installed.ts'
import { temporaryFolder } from '../support/program.ts'
import { aKey } from '../support/public-keys.ts'

let built: Awaited<ReturnType<typeof temporaryFolder>>
let dist: string
beforeAll(async () => {
  built = await temporaryFolder()
  dist = buildPrograms(join(built.path, 'dist'))
})
afterAll(() => built[Symbol.asyncDispose]())

const CRONTAB = 'MAILTO=me\r\n# claw-clan is nice\n0 3 * * * echo 100\\%done'
const KEYS = 'ssh-rsa AAAA me@laptop # claw-clan:mini\n# BEGIN claw-clan other\nssh-ed25519 AAAA x\xff'
const setup = (owner: Owner) => join(owner.paths.bin, 'claw-setup')
const crontabOf = ({ env }: Owner) => env.FAKE_CRONTAB ?? ''
const keysOf = ({ env }: Owner) => env.CLAW_CLAN_AUTHORIZED_KEYS ?? ''

/** An owner with things of his own wherever ours will be, as they were before us. */
async function ownerWithThings(name?: string): Promise<Owner> {
  const owner = await makeOwner(dist, name)
  writeFileSync(crontabOf(owner), CRONTAB, 'latin1')
  mkdirSync(dirname(keysOf(owner)), { recursive: true })
  writeFileSync(keysOf(owner), KEYS, { encoding: 'latin1', mode: 0o600 })
  const bin = join(owner.home, '.local', 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'claw-ping'), 'mine')
  symlinkSync('/elsewhere/claw-status', join(bin, 'claw-status'))
  mkdirSync(join(owner.home, '.openclaw', 'skills', 'own'), { recursive: true })
  mkdirSync(join(owner.home, '.config', 'systemd', 'user'), { recursive: true })
  writeFileSync(join(owner.home, '.config', 'systemd', 'user', 'claw-other.service'), '[Unit]\n')
  return owner
}

/** All we ever put on a machine: programs, identity, schedule, a peer with its key. */
async function settle(owner: Owner): Promise<void> {
  owner.install(dist)
  const { code, stderr } = await owner.run([setup(owner), '--yes', '--gateway-id', 'mini', '--quiet'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const scheduled = await owner.run([setup(owner), 'schedule', '--scheduler', 'cron', '--no-wait', '--quiet'])
  expect(scheduled.code).toBe(0)
  const grant = { gatewayId: id('studio'), gate: join(owner.paths.bin, 'claw-peer'), key: aKey('studio') }
  writeFileSync(keysOf(owner), withGrant(readFileSync(keysOf(owner), 'latin1'), grant), 'latin1')
  mkdirSync(owner.paths.peers, { recursive: true })
  writeFileSync(join(owner.paths.peers, 'studio.json'), '{"gatewayId":"studio"')
  expect(readFileSync(crontabOf(owner), 'latin1')).not.toBe(CRONTAB)
}

const uninstall = (owner: Owner, ...flags: string[]) => owner.run([setup(owner), 'uninstall', ...flags])
const outside = (owner: Owner) => [treeOf(owner.home), readFileSync(crontabOf(owner), 'latin1')]

describe('uninstalling', () => {
  test.each(['user', 'it\'s "mine" $(touch x) 100%'])(
    'from the home of %j leaves everything else byte for byte as it was',
    async name => {
      await using owner = await ownerWithThings(name)
      const before = outside(owner)
      await settle(owner)

      const { code, stdout, stderr } = await uninstall(owner, '--yes')

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(outside(owner)).toEqual(before)
      expect(stdout).toContain('Still enrolled at: studio')
      expect(stdout).toContain('claw-setup-ssh revoke mini --everywhere')
      expect(existsSync('/x')).toBe(false)
    },
  )

  test('takes away folders that were not there before us, and no others', async () => {
    await using owner = await makeOwner(dist)
    const before = treeOf(owner.home)
    owner.install(dist)

    await uninstall(owner, '--yes')

    expect(treeOf(owner.home)).toEqual(before)
  })

  test('finds links in a folder that is named from where the owner is', async () => {
    await using owner = await makeOwner(dist)
    owner.install(dist)
    const folder = join(owner.home, 'links')
    mkdirSync(folder)
    symlinkSync(join(owner.paths.bin, 'claw-ping'), join(folder, 'claw-ping'))

    const { code } = await uninstall(owner, '--yes', '--bin-dir', relative('/', folder))

    expect(code).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  test('keeps the data when told so, and what is left can go later', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)

    const { code, stdout } = await uninstall(owner, '--keep-data', '--json')

    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, keptData: true, enrolledAt: ['studio'] })
    expect(readdirSync(owner.paths.home)).toEqual(
      expect.arrayContaining(['identity.json', 'keys', 'peers', 'state.json']),
    )
    expect(readdirSync(owner.paths.home)).not.toEqual(expect.arrayContaining(['versions']))
    expect(existsSync(owner.paths.bin)).toBe(false)
    owner.install(dist)
    await uninstall(owner, '--yes')
    expect(existsSync(owner.paths.home)).toBe(false)
  })

  test('only shows what it would do with --dry-run', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)
    const calm = (path: string) => path.includes('/dist/cache')
    const before = [treeOf(owner.home, calm), readFileSync(crontabOf(owner), 'latin1')]

    const { code, stdout } = await uninstall(owner, '--dry-run')

    expect(code).toBe(0)
    expect(stdout).toMatch(/claw-ping.*--scheduled/)
    expect(stdout).toContain(`${keysOf(owner).replace(owner.home, '~')}: studio`)
    expect(stdout).toContain('state.json')
    expect([treeOf(owner.home, calm), readFileSync(crontabOf(owner), 'latin1')]).toEqual(before)
  })

  test('never asks without a terminal: it names the flags and does nothing', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)

    const { code, stderr } = await uninstall(owner)

    expect(code).toBe(2)
    expect(stderr).toMatch(/--yes.*--keep-data/)
    expect(existsSync(owner.paths.state)).toBe(true)
  })

  test('works where the home is damaged in every file', async () => {
    await using owner = await ownerWithThings()
    const before = outside(owner)
    await settle(owner)
    for (const name of [
      'state.json',
      'identity.json',
      'config.json',
      'fleet.json',
      'journal.db',
      'versions/install.json',
    ])
      writeFileSync(join(owner.paths.home, name), '\0{damaged')

    const { code, stderr } = await uninstall(owner, '--yes')

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(outside(owner)).toEqual(before)
  })

  test('leaves what the owner keeps in the home, and names it', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)
    writeFileSync(join(owner.paths.home, 'notes.txt'), 'mine')
    writeFileSync(join(owner.paths.bin, 'claw-own'), '#!/bin/sh\n')

    const { stdout } = await uninstall(owner, '--yes')

    expect(treeOf(owner.paths.home)).toMatchObject({
      'notes.txt': expect.any(String),
      'bin/claw-own': expect.any(String),
    })
    expect(Object.keys(treeOf(owner.paths.home)).toSorted()).toEqual(['bin', 'bin/claw-own', 'notes.txt'])
    expect(stdout).toContain('notes.txt')
  })

  test('keeps programs and data while something outside stays, and finishes when run again', async () => {
    await using owner = await ownerWithThings()
    const before = outside(owner)
    await settle(owner)
    const crontab = join(dirname(crontabOf(owner)), 'fake', 'crontab')
    const works = readFileSync(crontab)
    writeFileSync(crontab, '#!/bin/sh\necho "crontab: Operation not permitted" >&2; exit 1\n')

    const refused = await uninstall(owner, '--yes')
    writeFileSync(crontab, works)

    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('not permitted')
    expect(existsSync(owner.paths.state)).toBe(true)
    expect((await uninstall(owner, '--yes')).code).toBe(0)
    expect(outside(owner)).toEqual(before)
  })

  test('removes our launchers from the scripts of the bash version, not the scripts', async () => {
    await using owner = await ownerWithThings()
    const scripts = join(owner.paths.home, 'scripts')
    mkdirSync(join(scripts, 'lib'), { recursive: true })
    for (const name of ['claw-ping.sh', 'claw-monitor.sh', 'lib/common.sh'])
      writeFileSync(join(scripts, name), 'theirs', { mode: 0o755 })
    await settle(owner)
    replaceBashScripts(owner.paths)

    await uninstall(owner, '--yes')

    expect(Object.keys(treeOf(scripts))).toEqual(['claw-monitor.sh', 'lib', 'lib/common.sh'])
  })

  test('never takes the folder of another program for a home, whatever its files are called', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)
    const other = join(owner.home, 'work')
    for (const name of ['state.json', 'identity.json', 'keys/id_ed25519', 'agents/mine', 'logs/today']) {
      mkdirSync(dirname(join(other, name)), { recursive: true })
      writeFileSync(join(other, name), '{}')
    }
    const before = treeOf(other)

    const { code } = await uninstall(owner, '--yes', '--home', other)

    expect(code).toBe(3)
    expect(treeOf(other)).toEqual(before)
  })

  test("never takes OpenClaw's folder for a home, not even one with files of ours", async () => {
    await using owner = await ownerWithThings()
    await settle(owner)
    const state = join(owner.home, '.openclaw')
    writeFileSync(join(state, 'state.json'), readFileSync(owner.paths.state))
    mkdirSync(join(state, 'agents'))

    const { code } = await uninstall(owner, '--yes', '--home', state)

    expect(code).toBe(3)
    expect(existsSync(join(state, 'agents'))).toBe(true)
  })

  test('empties a home that is reached by a link, and says that the link is left', async () => {
    await using owner = await ownerWithThings()
    await settle(owner)
    const link = join(owner.home, 'link')
    symlinkSync(owner.paths.home, link)

    const { code, stdout } = await uninstall(owner, '--yes', '--home', link)

    expect(code).toBe(0)
    expect(stdout).toContain('Empty, and left: ~/link is a link')
    expect(readdirSync(owner.paths.home)).toEqual([])
  })

  test.each(['/', '~', 'a folder that is no home'])('refuses %s', async where => {
    await using owner = await ownerWithThings()
    await settle(owner)
    const odd = join(owner.home, 'work')
    mkdirSync(join(odd, 'logs'), { recursive: true })
    // The name of a file of ours does not make the owner's own home one.
    mkdirSync(join(owner.home, 'logs'))
    writeFileSync(join(owner.home, 'state.json'), '{}')
    const home = where === '/' ? '/' : where === '~' ? owner.home : odd

    const { code, stderr } = await uninstall(owner, '--yes', '--home', home)

    expect(code).toBe(3)
    expect(stderr).toContain('is no home of claw-clan')
    expect([odd, owner.home].map(each => existsSync(join(each, 'logs')))).toEqual([true, true])
  })
})

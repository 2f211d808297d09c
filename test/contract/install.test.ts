import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPrograms, makeOwner, type Owner, treeOf } from '../support/installed.ts'
import { temporaryFolder } from '../support/program.ts'
import { startTyped } from '../support/typed.ts'

let built: Awaited<ReturnType<typeof temporaryFolder>>
let dist: string
beforeAll(async () => {
  built = await temporaryFolder()
  dist = buildPrograms(join(built.path, 'dist'))
})
afterAll(() => built[Symbol.asyncDispose]())

const HOSTILE = 'it\'s "$(touch x)" `touch x` $HOME *?[a] #%!;&|<>()'
const command = (owner: Owner, name: string) => join(owner.home, '.local', 'bin', `claw-${name}`)
const noCache = (path: string) => path.includes('/dist/cache') || path.includes('locks')
const version = async (owner: Owner) => {
  const { code, stdout } = await owner.run([command(owner, 'setup'), 'activate', '--dry-run', '--json'])
  return code === 0 ? JSON.parse(stdout).version : `exit ${code}`
}

describe('installing', () => {
  test.each(['user', HOSTILE])(
    'into the home of %j gives programs that run with nothing but HOME',
    async name => {
      await using owner = await makeOwner(dist, name)

      const done = owner.install(dist)
      const status = await owner.run([command(owner, 'clan'), 'status', '--json'])
      const gate = await owner.run([join(owner.paths.bin, 'claw-peer')], { SSH_ORIGINAL_COMMAND: 'ping ab' })

      expect(done).toMatchObject({ previous: null, changed: true, warnings: [], bashScripts: [] })
      expect(JSON.parse(status.stdout)).toMatchObject({ error: { code: 'not-set-up' } })
      expect(gate).toMatchObject({ code: 1, stderr: expect.stringContaining('no identity') })
      expect(readlinkSync(owner.paths.current)).toBe(`versions/${done.version}`)
      expect(existsSync(command(owner, 'peer'))).toBe(false)
      expect(
        readFileSync(join(owner.home, '.openclaw', 'skills', 'claw-clan', 'SKILL.md'), 'utf8'),
      ).toContain('name:')
      expect(existsSync(join(owner.home, 'x'))).toBe(false)
      expect(existsSync('/x')).toBe(false)
    },
  )

  test('twice changes nothing', async () => {
    await using owner = await makeOwner(dist)
    owner.install(dist)
    const before = treeOf(owner.home, noCache)

    const again = owner.install(dist)

    expect(again).toMatchObject({ changed: false, launchers: { written: [], removed: [] }, pruned: [] })
    expect(treeOf(owner.home, noCache)).toEqual(before)
  })

  test("makes everything the owner's alone, whatever the umask", async () => {
    await using owner = await makeOwner(dist)
    const mask = process.umask(0)
    try {
      owner.install(dist)
      await owner.run(['/bin/sh', '-c', 'umask 000; exec "$0" --yes --quiet', command(owner, 'setup')])
    } finally {
      process.umask(mask)
    }

    const open = Object.entries(treeOf(owner.paths.home)).filter(([, what]) =>
      /^(?:folder )?\d?(?!\d00\b)\d{3}\b/.test(what),
    )
    expect(open).toEqual([])
    expect(lstatSync(owner.paths.home).mode & 0o777).toBe(0o700)
  })

  test('an update keeps state, settings and peers byte for byte, and a step back brings the old programs', async () => {
    await using owner = await makeOwner(dist)
    const first = owner.install(dist)
    await owner.run([command(owner, 'setup'), '--yes', '--gateway-id', 'mini'])
    mkdirSync(owner.paths.peers, { recursive: true })
    writeFileSync(join(owner.paths.peers, 'studio.json'), '{"gatewayId":"studio"')
    const data = () =>
      treeOf(owner.paths.home, path => !/^(?:state|config|identity|fleet|peers|keys)/.test(path))
    const before = data()

    const second = owner.install(owner.variant('new'))
    const afterUpdate = data()
    const runs = await version(owner)
    const back = await owner.run([command(owner, 'setup'), 'rollback', '--json'])
    const further = await owner.run([command(owner, 'setup'), 'rollback'])

    expect(second).toMatchObject({ previous: first.version, changed: true })
    expect(runs).toBe(second.version)
    expect(second.version).not.toBe(first.version)
    expect(afterUpdate).toEqual(before)
    expect(JSON.parse(back.stdout)).toMatchObject({
      version: first.version,
      previous: second.version,
      schema: 1,
    })
    expect(await version(owner)).toBe(first.version)
    expect(data()).toEqual(before)
    expect(further).toMatchObject({ code: 1, stderr: expect.stringContaining('Cannot step back') })
  })

  test('keeps the last three versions, and no damaged one is stepped back to', async () => {
    await using owner = await makeOwner(dist)
    const versions = ['a', 'b', 'c', 'd'].map(name => owner.install(owner.variant(name)).version)
    const [, b, c = '', d] = versions

    expect(
      readdirSync(owner.paths.versions)
        .filter(name => name !== 'install.json')
        .toSorted(),
    ).toEqual([b, c, d].toSorted())
    writeFileSync(join(owner.paths.versions, c, 'dist', 'lib', 'ping.js'), '')
    const { stdout } = await owner.run([command(owner, 'setup'), 'rollback', '--json'])

    expect(JSON.parse(stdout).version).toBe(b)
  })

  test('mends a damaged version in its place', async () => {
    await using owner = await makeOwner(dist)
    const { version: name } = owner.install(dist)
    const file = join(owner.paths.versions, name, 'dist', 'lib', 'ping.js')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, 'broken')
    rmSync(join(owner.paths.versions, name, 'skills'), { recursive: true })

    const refused = await owner.run([command(owner, 'setup'), 'activate'])
    owner.install(dist)

    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('dist/lib/ping.js') })
    expect(readFileSync(file, 'utf8')).toBe(good)
    expect(existsSync(join(owner.home, '.openclaw', 'skills', 'claw-clan', 'SKILL.md'))).toBe(true)
  })

  test('leaves what is not ours in ~/.local/bin and among the skills, and says so', async () => {
    await using owner = await makeOwner(dist)
    const bin = dirname(command(owner, 'ping'))
    const skills = join(owner.home, '.openclaw', 'skills')
    mkdirSync(bin, { recursive: true })
    mkdirSync(join(skills, 'claw-clan'), { recursive: true })
    writeFileSync(join(bin, 'claw-ping'), 'mine')
    symlinkSync('/nowhere', join(bin, 'claw-status'))
    symlinkSync(join(owner.paths.bin, 'claw-gone'), join(bin, 'claw-gone'))
    // His short name for a program of ours is his.
    symlinkSync(join(owner.paths.bin, 'claw-status'), join(bin, 'cs'))

    const { links, skills: inSkills } = owner.install(dist)

    expect(links).toMatchObject([
      { folder: bin, foreign: ['claw-ping', 'claw-status'], removed: ['claw-gone'] },
    ])
    expect(inSkills).toMatchObject([{ foreign: ['claw-clan'] }])
    expect(readFileSync(join(bin, 'claw-ping'), 'utf8')).toBe('mine')
    expect(readlinkSync(join(bin, 'claw-status'))).toBe('/nowhere')
    expect(readlinkSync(join(bin, 'cs'))).toBe(join(owner.paths.bin, 'claw-status'))
    expect(readdirSync(join(skills, 'claw-clan'))).toEqual([])
  })

  test('a version that does not run here is not made current', async () => {
    await using owner = await makeOwner(dist)
    const { version: good } = owner.install(dist)
    const broken = owner.variant('broken')
    writeFileSync(join(broken, 'lib', 'peer.js'), 'throw new Error("does not load")')
    const before = treeOf(owner.home, noCache)

    expect(() => owner.install(broken)).toThrow(/does not run on this machine: Error: does not load/)

    expect(await version(owner)).toBe(good)
    expect(treeOf(owner.home, noCache)).toEqual(before)
  })

  test('a node that its manager removed is replaced by another, and by the launchers anew when they are told', async () => {
    await using owner = await makeOwner(dist)
    owner.install(dist)
    const managed = (name: string) => join(owner.home, '.nvm', 'versions', 'node', name, 'bin', 'node')
    const copyTo = (file: string) => {
      mkdirSync(dirname(file), { recursive: true })
      copyFileSync(process.execPath, file)
    }
    copyTo(managed('v24.21.0'))
    const setup = join(owner.paths.bin, 'claw-setup')
    expect((await owner.run([setup, 'activate', '--node', managed('v24.21.0')])).code).toBe(0)
    rmSync(join(owner.home, '.nvm'), { recursive: true })
    copyTo(managed('v24.99.0'))

    const status = await owner.run([join(owner.paths.bin, 'claw-clan'), '--version'])
    const activated = await owner.run([setup, 'activate', '--json'])
    const after = await owner.run([join(owner.paths.bin, 'claw-clan'), '--version'])

    expect(status).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^claw-clan: .*v24\.21\.0.* is gone, .*\n$/),
    })
    expect(JSON.parse(activated.stdout)).toMatchObject({ changed: true, node: { copied: false } })
    expect(after).toMatchObject({ code: 0, stderr: '' })
  })

  test('links stand where the owner wants them, and move when he changes his mind', async () => {
    await using owner = await makeOwner(dist)
    owner.install(dist)
    const elsewhere = join(owner.home, 'my bin')
    const setup = join(owner.paths.bin, 'claw-setup')

    const moved = JSON.parse((await owner.run([setup, 'activate', '--bin-dir', elsewhere, '--json'])).stdout)
    const again = JSON.parse((await owner.run([setup, 'activate', '--json'])).stdout)
    const none = JSON.parse((await owner.run([setup, 'activate', '--no-links', '--json'])).stdout)
    await owner.run([setup, 'activate'])

    expect(moved.links[0].folder).toBe(elsewhere)
    expect(moved.pathLine).toBe(`export PATH='${elsewhere}':"$PATH"`)
    expect(readdirSync(join(owner.home, '.local', 'bin'))).toEqual([])
    expect(again).toMatchObject({ changed: false, links: [{ folder: elsewhere }] })
    expect(none.changed).toBe(true)
    expect(readdirSync(elsewhere)).toEqual([])
  })

  test('where links cannot be made the programs are there all the same, and it says why', async () => {
    await using owner = await makeOwner(dist)
    writeFileSync(join(owner.home, '.local'), 'a file')

    const { warnings, version: name } = owner.install(dist)

    expect(warnings).toEqual([expect.stringContaining('.local')])
    expect(realpathSync(owner.paths.current)).toContain(name)
  })

  test('where the launchers cannot be written the version of before stays in use', async () => {
    await using owner = await makeOwner(dist)
    const { version: good } = owner.install(dist)
    rmSync(join(owner.paths.bin, 'claw-status'))
    mkdirSync(join(owner.paths.bin, 'claw-status'))

    expect(() => owner.install(owner.variant('new'))).toThrow(/Cannot write the launchers/)

    expect(realpathSync(owner.paths.current)).toBe(join(owner.paths.versions, good))
  })

  test('a folder that holds more than claw-clan is no home', async () => {
    await using owner = await makeOwner(dist)
    const { version: name } = owner.install(dist)
    const state = join(owner.home, '.openclaw')
    symlinkSync(owner.home, join(state, 'alias'))
    const worker = join(import.meta.dirname, '..', 'support', 'install-worker.ts')

    for (const home of [dirname(owner.home), owner.home, join(state, 'alias'), state]) {
      const { code, stderr } = await owner.run([process.execPath, worker, home, dist])
      expect([home, code, stderr]).toEqual([home, 1, expect.stringContaining('holds more than claw-clan')])
      const setup = await owner.run([command(owner, 'setup'), '--yes', '--home', home])
      expect([home, setup.code, setup.stderr]).toEqual([home, 2, expect.stringContaining('holds more')])
    }
    expect(readdirSync(state).toSorted()).toEqual(['alias', 'claw-clan', 'skills'])
    expect(await version(owner)).toBe(name)
  })

  test('on a terminal what went wrong does not stand behind the last step', async () => {
    await using owner = await makeOwner(dist)
    for (const name of ['a', 'b']) owner.install(owner.variant(name))

    const typed = startTyped('setup', ['rollback', '--home', owner.paths.home, '--node', '/bin/false'])

    expect(await typed.ended).toBe(2)
    expect(typed.screen()).toContain('looking for node\r\u001b[Kclaw-setup rollback: Cannot use')
  })

  test('a program that is in no version folder cannot activate one', async () => {
    await using owner = await makeOwner(dist)

    const { code, stderr } = await owner.run([process.execPath, join(dist, 'setup.js'), 'activate'])

    expect(code).toBe(1)
    expect(stderr).toContain('npm run setup')
    expect(existsSync(owner.paths.home)).toBe(false)
  })

  test('two at once end in one whole installation', async () => {
    await using owner = await makeOwner(dist)
    const variants = ['a', 'b', 'c'].map(owner.variant)

    const ends = await Promise.all(variants.map(from => installAside(owner, from)))

    expect(ends).toEqual([0, 0, 0])
    expect(await version(owner)).toMatch(/^\d+\.\d+\.\d+-[0-9a-f]{12}$/)
    expect(readdirSync(owner.paths.versions).filter(name => name.startsWith('.'))).toEqual([])
    expect(readdirSync(owner.paths.versions)).toHaveLength(4)
  })

  test('a home of the bash version is only looked at', async () => {
    await using owner = await makeOwner(dist)
    const script = join(owner.paths.home, 'scripts', 'claw-ping.sh')
    mkdirSync(dirname(script), { recursive: true })
    writeFileSync(script, 'theirs')
    chmodSync(script, 0o755)

    const { bashScripts } = owner.install(dist)

    expect(bashScripts).toEqual(['claw-ping.sh'])
    expect(readFileSync(script, 'utf8')).toBe('theirs')
  })
})

function installAside(owner: Owner, from: string): Promise<number | null> {
  const worker = join(import.meta.dirname, '..', 'support', 'install-worker.ts')
  const child = spawn(process.execPath, [worker, owner.paths.home, from], { env: owner.env, stdio: 'ignore' })
  return new Promise(resolve => child.on('close', resolve))
}

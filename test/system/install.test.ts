import { chownSync, existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { damagedFiles, readVersionManifest } from '../../src/adapters/version-content.ts'
import { buildPrograms, makeOwner, type Owner, treeOf } from '../support/installed.ts'
import { run, runOrThrow } from '../support/lab/run.ts'
import { temporaryFolder } from '../support/program.ts'

const long = process.env.CLAW_TEST_LONG === '1'
const worker = join(import.meta.dirname, '..', 'support', 'install-worker.ts')

let built: Awaited<ReturnType<typeof temporaryFolder>>
let dist: string
beforeAll(async () => {
  built = await temporaryFolder()
  dist = buildPrograms(join(built.path, 'dist'))
})
afterAll(() => built[Symbol.asyncDispose]())

/** Each point is an installation, an update that dies and one that does not: 3 s, several times that under load. */
const TIMEOUT_MS = (long ? 90 : 15) * 60_000

/** Calls that change what lies on disk. */
const CALLS = [
  'rename',
  'symlink',
  'mkdir',
  'rmdir',
  'unlink',
  'unlinkat',
  'fsync',
  'openat',
  'write',
] as const
/** How many points of each kind the short form tries, spread over all; the others are all tried. */
const SAMPLE: Readonly<Record<string, number>> = {
  mkdir: 2,
  fsync: 3,
  openat: 2,
  write: 2,
  unlink: 3,
  unlinkat: 3,
}

type Point = { readonly call: string; readonly when: number }

/** Every call of one installation that has to do with the owner's home, counted as strace counts. */
async function pointsOf(owner: Owner, from: string): Promise<readonly Point[]> {
  const trace = join(owner.home, '..', 'trace')
  const filter = ['-e', `trace=${CALLS.join()}`]
  const command = [
    'strace',
    '-f',
    '-y',
    '-s',
    '300',
    '-o',
    trace,
    ...filter,
    process.execPath,
    worker,
    owner.paths.home,
    from,
  ]
  await runOrThrow(command, { env: owner.env })
  const counted = new Map<string, number>()
  const points: Point[] = []
  const [first] = /^\d+/.exec(readFileSync(trace, 'utf8')) ?? []
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +([a-z0-9]+)\(/.exec(line) ?? []
    // Only of the installing process itself: what it starts may die without doing harm, and is tried by other tests.
    if (thread !== first) continue
    const when = (counted.get(call) ?? 0) + 1
    counted.set(call, when)
    if (line.includes(owner.home) && !(call === 'openat' && !line.includes('O_CREAT')))
      points.push({ call, when })
  }
  return points
}

function chosen(points: readonly Point[]): readonly Point[] {
  return CALLS.flatMap(call => {
    const all = points.filter(point => point.call === call)
    const count = (SAMPLE[call] ?? all.length) * (long ? 20 : 1)
    return Array.from(
      { length: Math.min(count, all.length) },
      (_, index) => all[Math.floor(((index + 0.5) * all.length) / Math.min(count, all.length))],
    ).filter(point => point !== undefined)
  })
}

async function installKilled(owner: Owner, from: string, { call, when }: Point): Promise<boolean> {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${when}`]
  const command = [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    ...inject,
    process.execPath,
    worker,
    owner.paths.home,
    from,
  ]
  const { code } = await run(command, { env: owner.env })
  return code !== 0
}

/** Name of the version that the launchers start; it is whole, and a program of it runs. */
async function workingVersion(owner: Owner): Promise<string> {
  const folder = realpathSync(owner.paths.current)
  expect(damagedFiles(folder, readVersionManifest(folder))).toEqual([])
  const { code, stderr } = await owner.run([join(owner.paths.bin, 'claw-status'), '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return basename(folder)
}

const dataOf = (owner: Owner) =>
  treeOf(owner.paths.home, path => !/^(?:state|identity|config|fleet|peers|keys)/.test(path))
const leftovers = (owner: Owner) =>
  [owner.paths.home, owner.paths.versions].flatMap(folder =>
    readdirSync(folder).filter(name => name.startsWith('.') || name.endsWith('.tmp')),
  )

describe('an installation killed at any system call', () => {
  test(
    'that updates leaves the old version or the new one working, and all data as it was',
    async () => {
      await using probe = await makeOwner(dist)
      probe.install(dist)
      const points = chosen(await pointsOf(probe, probe.variant('new')))
      let reached = 0

      for (const point of points) {
        await using owner = await makeOwner(dist)
        const { version: old } = owner.install(dist)
        await owner.run([join(owner.paths.bin, 'claw-setup'), '--yes', '--quiet'])
        const before = dataOf(owner)
        const update = owner.variant('new')

        if (await installKilled(owner, update, point)) reached++
        const working = await workingVersion(owner)
        const { version: updated } = owner.install(update)

        expect([old, updated], `${point.call} ${point.when}`).toContain(working)
        expect(await workingVersion(owner)).toBe(updated)
        expect(dataOf(owner)).toEqual(before)
        expect(leftovers(owner)).toEqual([])
      }
      expect(points.length).toBeGreaterThan(10)
      expect(reached).toBeGreaterThan(points.length / 2)
    },
    TIMEOUT_MS,
  )

  test(
    'that is the first is finished by the next one',
    async () => {
      await using probe = await makeOwner(dist)
      const points = chosen(await pointsOf(probe, dist)).filter((_, index) => long || index % 4 === 0)

      for (const point of points) {
        await using owner = await makeOwner(dist)
        await installKilled(owner, dist, point)
        const { version } = owner.install(dist)

        await owner.run([join(owner.paths.bin, 'claw-setup'), '--yes', '--quiet'])
        expect(await workingVersion(owner), `${point.call} ${point.when}`).toBe(version)
        expect(leftovers(owner)).toEqual([])
        expect(existsSync(join(owner.home, '.local', 'bin', 'claw-ping'))).toBe(true)
      }
    },
    TIMEOUT_MS,
  )
})

describe('an update that cannot be written', () => {
  test.each([
    ['on a full disk', fill, /ENOSPC|no space left/i],
    ['in a home that is read-only', (disk: string) => remount(disk, 'ro'), /EROFS|read-only/i],
  ])('%s says so in one line, and the old version goes on', async (_where, spoil, says) => {
    await using owner = await makeOwner(dist)
    const disk = join(owner.home, '.openclaw')
    await runOrThrow(['mount', '-t', 'tmpfs', '-o', 'size=12m,mode=0700', 'claw-test', disk])
    await using _mounted = { [Symbol.asyncDispose]: async () => void (await run(['umount', '-l', disk])) }
    const { version: old } = owner.install(dist)
    await owner.run([join(owner.paths.bin, 'claw-setup'), '--yes', '--quiet'])
    const before = dataOf(owner)
    const update = owner.variant('new')
    await spoil(disk)

    const failed = await run([process.execPath, worker, owner.paths.home, update], { env: owner.env })
    const isOld = basename(realpathSync(owner.paths.current)) === old
    const still = await owner.run([join(owner.paths.bin, 'claw-clan'), '--version'])

    expect(failed.code).not.toBe(0)
    expect(failed.stderr).toMatch(says)
    expect(failed.stderr).toMatch(/ClawError: Cannot [^\n]*"[^\n]+"/)
    expect({ isOld, still }).toMatchObject({ isOld: true, still: { code: 0, stderr: '' } })
    await remount(disk, 'rw')
    rmSync(join(disk, 'filler'), { force: true })
    expect(dataOf(owner)).toEqual(before)
    expect(owner.install(update).previous).toBe(old)
    expect(leftovers(owner)).toEqual([])
  })
})

test('root is kept out of the home of somebody else', async () => {
  await using owner = await makeOwner(dist)
  chownSync(join(owner.home, '.openclaw'), 1234, 1234)

  expect(() => owner.install(dist)).toThrow(/belongs to user 1234/)

  expect(existsSync(owner.paths.home)).toBe(false)
})

async function fill(disk: string): Promise<void> {
  await run(['dd', 'if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4k'])
}

async function remount(disk: string, mode: 'ro' | 'rw'): Promise<void> {
  await runOrThrow(['mount', '-o', `remount,${mode}`, disk])
}

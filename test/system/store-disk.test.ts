import { chmodSync, chownSync, closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { readSettingsFile } from '../../src/adapters/settings-file.ts'
import { acquireLock } from '../../src/store/lock.ts'
import { changeSettings } from '../../src/store/settings-document.ts'
import type { FleetStore } from '../../src/store/store.ts'
import { aCandidate, anIdentity, aPeer, id } from '../support/builders.ts'
import { run } from '../support/lab/run.ts'
import { runProgram } from '../support/program.ts'
import { type SmallDisk, smallDisk } from '../support/small-disk.ts'
import { filesBelow, put, storeHome } from '../support/store-home.ts'

const event = { timestamp: '2026-11-20T12:00:00.000Z', event: 'peer_added', data: {} } as const

/** Write until nothing more fits; the file that took the space. */
function fill({ paths }: SmallDisk): string {
  const path = join(paths.home, '..', 'ballast')
  const handle = openSync(path, 'w')
  try {
    for (const chunk of [4096, 1]) while (writeSync(handle, Buffer.alloc(chunk)) > 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(handle)
  }
  return path
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : '')

async function enrolled(disk: SmallDisk): Promise<void> {
  await using store = disk.open()
  await store.saveSelf(anIdentity())
  await store.changePeers(() => [aPeer({ missedPings: 1 }), aPeer({ gatewayId: id('other') })])
}

/** Everything but the lock's and the journal's own files, and an empty log. */
const state = ({ paths }: SmallDisk) =>
  new Map(
    [...filesBelow(paths.home)].filter(([name, { text }]) => text !== '' && !/^locks|^journal/.test(name)),
  )

const WRITES: readonly {
  readonly what: string
  readonly write: (store: FleetStore, disk: SmallDisk) => Promise<unknown>
}[] = [
  {
    what: 'a change of peers',
    write: store => store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: 2 }))),
  },
  { what: 'a new peer', write: store => store.changePeers(() => [aPeer({ gatewayId: id('new') })]) },
  {
    what: 'a round',
    write: store =>
      store.commitRound(peers => ({
        peers: peers.map(peer => ({ ...peer, missedPings: 2 })),
        events: [event],
      })),
  },
  { what: 'a new identity', write: store => store.saveSelf(anIdentity({ name: 'x'.repeat(60) })) },
  { what: 'a candidate', write: store => store.saveCandidates([aCandidate()]) },
  { what: 'an event', write: store => store.recordEvents(Array.from({ length: 100 }, () => event)) },
  {
    what: 'a run',
    write: store =>
      store.recordRun({ program: 'p', startedAt: 'a', finishedAt: 'b', result: 'x'.repeat(90_000) }),
  },
  {
    what: 'a setting',
    write: (_store, { paths }) => changeSettings({ paths, clock: systemClock }, { 'hub.port': 9078 }),
  },
]

describe('on a full disk', () => {
  test.each(WRITES)(
    '$what fails in one line with a path and the free space, and the old state stays',
    async ({ write }) => {
      await using disk = await smallDisk('64k')
      await enrolled(disk)
      const before = state(disk)
      const ballast = fill(disk)
      await using store = disk.open()

      const failure = await write(store, disk).catch((error: unknown) => error)

      expect(failure).toMatchObject({ code: 'store-unavailable' })
      expect(messageOf(failure)).toMatch(
        /^Cannot (write|lock) "\/[^"\n]+\/disk\/home\/[^"\n]+": [^\n]*(full|no space left)[^\n]* \(0 KiB free\)$/,
      )
      expect(state(disk)).toEqual(before)
      expect((await store.peers()).damaged).toEqual([])
      expect(await store.events(5)).toEqual([])

      rmSync(ballast)
      await store.changePeers(peers => peers.map(peer => ({ ...peer, missedPings: 3 })))
      expect((await store.peers()).peers.map(peer => peer.missedPings)).toEqual([3, 3])
    },
  )

  test('what is there can still be looked at', async () => {
    await using disk = await smallDisk('1m')
    await enrolled(disk)
    {
      await using store = disk.open()
      await store.recordEvents([event])
      await store.recordRun({ program: 'claw-ping', startedAt: 'a', finishedAt: 'b', result: {} })
    }
    fill(disk)
    await using store = disk.open()

    expect((await store.self())?.gatewayId).toBe('mini')
    expect((await store.peers()).peers).toHaveLength(2)
    expect(await store.events(5)).toEqual([event])
    expect(await store.lastRun('claw-ping')).toBeDefined()
  })
})

describe('on a read-only disk', () => {
  test.each(WRITES)('$what fails in one line with a path', async ({ write }) => {
    await using disk = await smallDisk('1m')
    await enrolled(disk)
    await disk.remount('ro')
    const before = filesBelow(disk.paths.home)
    await using store = disk.open()

    const failure = await write(store, disk).catch((error: unknown) => error)

    expect(failure).toMatchObject({ code: 'store-unavailable' })
    expect(messageOf(failure)).toMatch(
      /^Cannot (write|lock) "\/[^"\n]+\/disk\/home\/[^"\n]+": [^\n]*read-?only[^\n]*$/,
    )
    expect(filesBelow(disk.paths.home)).toEqual(before)
    await disk.remount('rw')
  })

  test('what is there can still be looked at, and a lock that was never made is refused', async () => {
    await using disk = await smallDisk('1m')
    await enrolled(disk)
    {
      await using store = disk.open()
      await store.recordEvents([event])
    }
    await disk.remount('ro')
    await using store = disk.open()
    const holder = { program: 'p', pid: 1, startedAt: 'now' }

    expect((await store.peers()).peers).toHaveLength(2)
    expect(await store.events(5)).toEqual([event])
    const lock = acquireLock({
      directory: disk.paths.locks,
      name: 'new',
      waitMs: 0,
      holder,
      clock: systemClock,
    })
    await expect(lock).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining(join(disk.paths.locks, 'new.db')),
    })
    await disk.remount('rw')
  })

  test('a program ends with 1 and one line, no stack', async () => {
    await using disk = await smallDisk('1m')
    await enrolled(disk)
    await disk.remount('ro')

    const { code, stderr } = await runProgram('setup', [
      '--yes',
      '--home',
      disk.paths.home,
      '--name',
      'other',
    ])

    expect(code).toBe(1)
    expect(stderr).toContain(disk.paths.home)
    expect(stderr).not.toMatch(/^\s+at /m)
    await disk.remount('rw')
  })
})

describe('a settings file of somebody else', () => {
  test('is refused; one of root is not', async () => {
    await using home = await storeHome()
    put(home.paths.config, { pingIntervalMinutes: 7 })

    expect((await readSettingsFile(home.paths, {})).settings.pingIntervalMinutes).toBe(7)

    chownSync(home.paths.config, 65_534, 65_534)
    const { settings, problems } = await readSettingsFile(home.paths, {})
    expect(problems).toMatchObject([
      { code: 'bad-settings', message: expect.stringContaining('belongs to user 65534') },
    ])
    expect(settings.pingIntervalMinutes).toBe(15)
  })

  test.each([
    { uid: 1234, gid: 1234, mode: 0o664, problems: 0 },
    { uid: 1234, gid: 100, mode: 0o664, problems: 1 },
    { uid: 1234, gid: 1234, mode: 0o666, problems: 1 },
    { uid: 0, gid: 0, mode: 0o644, problems: 0 },
    { uid: 0, gid: 0, mode: 0o664, problems: 1 },
    { uid: 4321, gid: 4321, mode: 0o644, problems: 1 },
  ])(
    'user 1234 reads one of $uid:$gid with mode $mode with $problems problems',
    async ({ uid, gid, mode, problems }) => {
      await using home = await storeHome()
      put(home.paths.config, { pingIntervalMinutes: 7 })
      chownSync(home.paths.config, uid, gid)
      chmodSync(home.paths.config, mode)
      chmodSync(join(home.paths.home, '..'), 0o755)
      const script = join(import.meta.dirname, '..', 'support', 'settings-reader.ts')

      const { stdout, stderr } = await run(
        [process.execPath, script, home.paths.home],
        {},
        { uid: 1234, gid: 1234 },
      )

      expect(stderr).toBe('')
      expect(JSON.parse(stdout).problems).toHaveLength(problems)
    },
  )
})

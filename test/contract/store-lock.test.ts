import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { acquireLock, type LockRequest, lockHolder } from '../../src/store/lock.ts'
import { type Daemon, run, start } from '../support/lab/run.ts'
import { temporaryFolder } from '../support/program.ts'
import { put } from '../support/store-home.ts'

const script = join(import.meta.dirname, '..', 'support', 'store-lock-holder.ts')

const request = (directory: string, waitMs = 0): LockRequest => ({
  directory,
  name: 'claw-ping',
  waitMs,
  holder: { program: 'claw-ping', pid: process.pid, startedAt: '2026-11-20T12:00:00.000Z' },
  clock: systemClock,
})

/** Another process that holds the lock until it is killed. */
async function otherHolder(directory: string, ...flags: string[]): Promise<Daemon & AsyncDisposable> {
  const holder = await start([process.execPath, ...flags, script, directory])
  await holder.waitFor(/held/)
  return {
    ...holder,
    [Symbol.asyncDispose]: async () => {
      holder.signal('SIGKILL')
      await holder.ended
    },
  }
}

describe('acquireLock()', () => {
  test('gives the lock to one at a time, in one process too, and again after it was given back', async () => {
    await using folder = await temporaryFolder()
    const lock = await acquireLock(request(folder.path))

    expect(lock).toBeDefined()
    expect(await acquireLock(request(folder.path))).toBeUndefined()

    lock?.[Symbol.dispose]()
    using again = await acquireLock(request(folder.path))
    expect(again).toBeDefined()
  })

  test('names its holder while it is held', async () => {
    await using folder = await temporaryFolder()
    expect(lockHolder(folder.path, 'claw-ping')).toBeUndefined()
    const lock = await acquireLock(request(folder.path))

    expect(lockHolder(folder.path, 'claw-ping')).toEqual(request(folder.path).holder)

    lock?.[Symbol.dispose]()
    expect(lockHolder(folder.path, 'claw-ping')).toBeUndefined()
  })

  test('waits without blocking until the other gives it back', async () => {
    await using folder = await temporaryFolder()
    const first = await acquireLock(request(folder.path))
    let turns = 0
    const timer = setInterval(() => {
      turns++
      if (turns === 20) first?.[Symbol.dispose]()
    }, 1)

    using second = await acquireLock(request(folder.path, 10_000))
    clearInterval(timer)

    expect(second).toBeDefined()
    expect(turns).toBeGreaterThanOrEqual(20)
  })

  test('gives up when told to', async () => {
    await using folder = await temporaryFolder()
    using _first = await acquireLock(request(folder.path))
    const giveUp = new AbortController()

    const second = acquireLock({ ...request(folder.path, 60_000), signal: giveUp.signal })
    giveUp.abort()

    expect(await second).toBeUndefined()
  })

  test('is refused while another process holds it, also a stopped one, and free once that is killed', async () => {
    await using folder = await temporaryFolder()
    await using other = await otherHolder(folder.path)
    other.signal('SIGSTOP')

    expect(await acquireLock(request(folder.path, 100))).toBeUndefined()
    expect(lockHolder(folder.path, 'claw-ping')).toMatchObject({ program: 'other', pid: other.pid })

    other.signal('SIGKILL')
    using mine = await acquireLock(request(folder.path, 10_000))
    expect(mine).toBeDefined()
    expect(lockHolder(folder.path, 'claw-ping')?.pid).toBe(process.pid)
  })

  test('stays held when nothing of the program refers to it any more', async () => {
    await using folder = await temporaryFolder()
    await using other = await otherHolder(folder.path, '--expose-gc')
    await other.waitFor(/collected/)

    expect(await acquireLock(request(folder.path))).toBeUndefined()
  })

  test('stays held against other processes while this one tries to take it again', async () => {
    await using folder = await temporaryFolder()
    using _mine = await acquireLock(request(folder.path))
    for (let n = 0; n < 20; n++) expect(await acquireLock(request(folder.path))).toBeUndefined()

    const other = await run([process.execPath, script, folder.path])

    expect(other.stdout).toBe('refused\n')
  })

  test('makes its folder and files for the owner alone, and its file stays empty', async () => {
    const umask = process.umask(0)
    await using folder = await temporaryFolder()
    const locks = join(folder.path, 'home', 'locks')
    using _lock = await acquireLock(request(locks))
    process.umask(umask)

    expect((statSync(locks).mode & 0o777).toString(8)).toBe('700')
    const files = readdirSync(locks).map(
      name => `${(statSync(join(locks, name)).mode & 0o777).toString(8)} ${name}`,
    )
    expect(files.toSorted()).toEqual(['600 claw-ping.db', '600 claw-ping.holder'])
    expect(statSync(join(locks, 'claw-ping.db')).size).toBe(0)
  })

  test.each([
    { what: 'the folder is a file', prepare: (path: string) => put(path, 'a file') },
    {
      what: 'the lock is a folder',
      prepare: (path: string) => mkdirSync(join(path, 'claw-ping.db'), { recursive: true }),
    },
    {
      what: 'the lock is something else',
      prepare: (path: string) => put(join(path, 'claw-ping.db'), 'x'.repeat(5000)),
    },
    {
      what: 'the lock is a link',
      prepare: (path: string) => {
        put(join(path, 'elsewhere'), '')
        symlinkSync(join(path, 'elsewhere'), join(path, 'claw-ping.db'))
      },
    },
  ])('says in one line with the path when $what', async ({ prepare }) => {
    await using folder = await temporaryFolder()
    const locks = join(folder.path, 'locks')
    prepare(locks)

    const failure = await acquireLock(request(locks)).catch(error => error)

    expect(failure).toMatchObject({ code: 'store-unavailable' })
    expect(failure.message).toContain(join(locks, 'claw-ping.db'))
    expect(failure.message).not.toContain('\n')
  })

  test('is free for exactly one of many that wait for it', async () => {
    await using folder = await temporaryFolder()
    await using other = await otherHolder(folder.path)
    const waiting = Array.from({ length: 8 }, () => acquireLock(request(folder.path, 2_000)))

    other.signal('SIGKILL')

    const locks = (await Promise.all(waiting)).filter(lock => lock !== undefined)
    expect(locks).toHaveLength(1)
    locks[0]?.[Symbol.dispose]()
  })
})

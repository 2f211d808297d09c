import { describe, expect, test } from 'vitest'
import { activateVersion, rollBack } from '../../../src/actions/activate.ts'
import type { ActivateDeps, VersionFacts } from '../../../src/actions/make-current.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { type InstallRecord, NO_RECORD } from '../../../src/fleet/install-record.ts'

const NOW = new Date('2026-11-20T12:00:00.000Z')
const OLD = new Date('2026-11-01T12:00:00.000Z')

const facts = (name: string, more: Partial<VersionFacts> = {}): VersionFacts => ({
  name,
  programs: ['ping'],
  skills: [],
  damaged: [],
  ...more,
})

type World = {
  readonly current?: string
  readonly present?: readonly string[]
  readonly fresh?: readonly string[]
  readonly damaged?: readonly string[]
  readonly record?: Partial<InstallRecord>
  readonly linksFail?: boolean
  readonly launchersFail?: boolean
  readonly removalFails?: boolean
}

const change = { folder: '/b', links: {}, ours: [], kept: [], foreign: [], removed: [], newFolders: ['/b'] }

/** Dependencies that tell, in order, what was done. */
function world({ current, present = [], fresh = [], damaged = [], record = {}, ...fails }: World) {
  const done: string[] = []
  let now = current
  const deps: ActivateDeps = {
    clock: { now: () => NOW },
    versions: {
      current: () => now,
      present: () => present.map(name => ({ name, madeAt: fresh.includes(name) ? NOW : OLD })),
      inspect: name => facts(name, { damaged: damaged.includes(name) ? ['dist/ping.js'] : [] }),
      switchTo: name => {
        now = name
        done.push(`switch ${name}`)
      },
      remove: names => {
        if (fails.removalFails) throw new ClawError('store-unavailable', 'Cannot remove')
        done.push(...names.map(name => `remove ${name}`))
      },
      sweep: () => void done.push('sweep'),
      record: () => ({ ...NO_RECORD, ...record }),
      saveRecord: ({ activated, madeFolders }) => void done.push(`record ${activated} ${madeFolders}`),
    },
    findNode: async () => ({ path: '/n', version: '24.11.0' }),
    keepNode: () => void done.push('node'),
    tidyNodes: () => void done.push('tidy'),
    planLaunchers: () => ({ written: [{ path: '/bin/claw-ping', text: '' }], removed: [] }),
    applyLaunchers: () => {
      if (fails.launchersFail) throw new ClawError('store-unavailable', 'Cannot write')
      done.push('launchers')
    },
    planLinks: () => ({
      binDir: '/b',
      skillsDir: null,
      programs: [{ ...change, made: ['claw-ping'] }],
      skills: [],
    }),
    applyLinks: () => {
      if (fails.linksFail) throw new ClawError('store-unavailable', 'Cannot link')
      done.push('links')
    },
    onProgress: () => undefined,
  }
  return { deps, done }
}

describe('activateVersion()', () => {
  test('switches when all it needs is there, and writes down what it makes outside before it makes it', async () => {
    const { deps, done } = world({ current: 'a', present: ['a', 'b'], record: { activated: ['a'] } })

    const result = await activateVersion(deps, facts('b'), false)

    expect(done).toEqual(['sweep', 'node', 'record a,b /b', 'switch b', 'launchers', 'links', 'tidy'])
    expect(result).toMatchObject({ version: 'b', previous: 'a', changed: true, warnings: [], dryRun: false })
  })

  test('does nothing in a dry run, and says what it would do', async () => {
    const { deps, done } = world({ current: 'a', present: ['a', 'b'] })

    const result = await activateVersion(deps, facts('b'), true)

    expect(done).toEqual([])
    expect(result).toMatchObject({ version: 'b', changed: true, launchers: { written: ['/bin/claw-ping'] } })
  })

  test('refuses a damaged version before anything is done', async () => {
    const { deps, done } = world({ current: 'a' })

    const activation = activateVersion(deps, facts('b', { damaged: ['dist/x.js'] }), false)

    await expect(activation).rejects.toMatchObject({
      code: 'damaged-state',
      message: expect.stringContaining('dist/x.js'),
    })
    expect(done).toEqual([])
  })

  test('removes what is old, and not what somebody is about to activate', async () => {
    const present = ['e', 'd', 'c', 'b', 'a', 'unpacked']
    const { deps, done } = world({
      current: 'd',
      present,
      fresh: ['unpacked'],
      record: { activated: ['a', 'b', 'c', 'd'] },
    })

    const { pruned } = await activateVersion(deps, facts('e'), false)

    expect(pruned).toEqual(['b', 'a'])
    expect(done.slice(-3)).toEqual(['remove b', 'remove a', 'tidy'])
  })

  test('links that cannot be made are a warning: the programs work', async () => {
    const { deps } = world({ current: 'a', present: ['a', 'b'], linksFail: true })

    expect((await activateVersion(deps, facts('b'), false)).warnings).toEqual(['Cannot link'])
  })

  test('an old version that cannot be removed is a warning', async () => {
    const { deps } = world({ current: 'a', present: ['a', 'b'], removalFails: true })

    expect((await activateVersion(deps, facts('b'), false)).warnings).toEqual(['Cannot remove'])
  })

  test('goes back to the version of before where the launchers cannot be written', async () => {
    const { deps, done } = world({ current: 'a', present: ['a', 'b'], launchersFail: true })

    await expect(activateVersion(deps, facts('b'), false)).rejects.toThrow('Cannot write')
    expect(deps.versions.current()).toBe('a')
    expect(done).not.toContain('links')
  })
})

describe('rollBack()', () => {
  test('passes over a damaged version', async () => {
    const { deps, done } = world({
      ...{ current: 'c', present: ['c', 'b', 'a'], damaged: ['b'] },
      record: { activated: ['a', 'b', 'c'] },
    })

    expect(await rollBack(deps, false)).toMatchObject({ version: 'a', previous: 'c' })
    expect(done).toContain('switch a')
    expect(done).toContain('record a,b,c /b')
  })

  test.each([
    ['there is no other', { current: 'a', present: ['a'] }, 'no version before "a"'],
    ['nothing is installed', {}, 'no version is installed'],
    [
      'it is the first of two',
      { current: 'a', present: ['b', 'a'], record: { activated: ['a', 'b'] } },
      'before "a"',
    ],
  ])('says so where %s', async (_why, given, says) => {
    const { deps, done } = world(given)

    await expect(rollBack(deps, false)).rejects.toMatchObject({
      code: 'no-version',
      message: expect.stringContaining(says),
    })
    expect(done).toEqual([])
  })
})

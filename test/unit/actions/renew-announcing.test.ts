import { expect, test } from 'vitest'
import { type RenewDeps, renewAnnouncing } from '../../../src/actions/renew-announcing.ts'
import { testClock } from '../../support/test-clock.ts'

type World = { readonly kept?: number; readonly announcer?: number; readonly isInstalled?: boolean }

/** @param next  process id of what the manager starts; undefined when that does not take its place */
function deps({ kept, announcer, isInstalled = true }: World, next?: number) {
  const clock = testClock()
  const calls: string[] = []
  let now = announcer
  const given: RenewDeps = {
    clock,
    announcer: async () => (now === undefined ? undefined : { pid: now, since: '' }),
    keepAlive: {
      ...{ manager: 'systemd', file: '/unit', text: () => '' },
      start: async () => false,
      stop: async () => false,
      restart: async () => {
        calls.push('restart')
        now = undefined
        void clock.sleep(3_000).then(() => {
          now = next
        })
      },
      state: async () => ({
        ...{ isInstalled, isCurrent: true, isLoaded: true, pid: kept, lastExitCode: undefined },
        startsAt: 'boot',
      }),
    },
  }
  return { given, calls, clock }
}

test('what our service keeps running is started anew', async () => {
  const { given, calls, clock } = deps({ kept: 7, announcer: 7 }, 8)

  const renewed = renewAnnouncing(given)
  for (let step = 0; step < 60; step += 1) await clock.advance(100)

  expect([await renewed, calls]).toEqual([true, ['restart']])
})

test('it says when the new one does not take its place', async () => {
  const { given, clock } = deps({ kept: 7, announcer: 7 })

  const renewed = renewAnnouncing(given)
  for (let step = 0; step < 300; step += 1) await clock.advance(100)

  expect(await renewed).toBe(false)
})

test.each([
  ['nothing announces', { kept: 7 }],
  ['somebody announces by hand', { kept: 7, announcer: 9 }],
  ['no service keeps it', { kept: 7, announcer: 7, isInstalled: false }],
  ['it does not say who it is', { announcer: 0 }],
] satisfies [string, World][])('nothing is started where %s', async (_why, world) => {
  const { given, calls } = deps(world, 8)

  expect([await renewAnnouncing(given), calls]).toEqual([false, []])
})

import { describe, expect, test } from 'vitest'
import {
  type KeepAnnouncedDeps,
  lookAtAnnouncement,
  restartAnnouncing,
  startAnnouncing,
  stopAnnouncing,
} from '../../../src/actions/keep-announced.ts'
import type { KeepAlive, KeepAliveState } from '../../../src/adapters/keep-alive.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { Sighting } from '../../../src/fleet/service.ts'
import { anIdentity } from '../../support/builders.ts'
import { type TestClock, testClock } from '../../support/test-clock.ts'

const self = anIdentity()
const OWN = '10.0.0.1'
const heard: Sighting = { ...self, ip: OWN, port: 22, sourceIp: OWN }

/** A service manager and its program, as far as they can be seen. */
type World = {
  pid: number | undefined
  announcer: number | undefined
  isInstalled: boolean
  isHeard: boolean
  lastExitCode: number | undefined
  readonly calls: string[]
}

const world = (facts: Partial<World> = {}): World => ({
  pid: undefined,
  announcer: undefined,
  isInstalled: false,
  isHeard: false,
  lastExitCode: undefined,
  calls: [],
  ...facts,
})

/** @param begins  what happens when the manager starts the program */
function keeper(of: World, begins: () => void): KeepAlive {
  const state = (): KeepAliveState => ({
    isInstalled: of.isInstalled,
    isCurrent: true,
    isLoaded: of.isInstalled,
    pid: of.pid,
    lastExitCode: of.lastExitCode,
    startsAt: 'boot',
  })
  return {
    manager: 'systemd',
    file: '/unit',
    text: () => '[Unit]',
    start: async () => {
      of.calls.push('start')
      of.isInstalled = true
      if (of.pid === undefined) begins()
      return true
    },
    stop: async () => {
      of.calls.push('stop')
      const had = of.isInstalled
      Object.assign(of, { isInstalled: false, pid: undefined })
      return had
    },
    restart: async () => {
      of.calls.push('restart')
      begins()
    },
    state: async () => state(),
  }
}

function deps(of: World, begins: () => void, clock: TestClock): KeepAnnouncedDeps {
  return {
    self,
    keepAlive: keeper(of, begins),
    announcer: async () => (of.announcer === undefined ? undefined : { pid: of.announcer, since: 'then' }),
    browse: async ({ durationMs, isComplete }) => {
      const sightings = of.isHeard ? [heard] : []
      if (isComplete?.(sightings) !== true) await clock.sleep(durationMs)
      return { sightings: of.isHeard ? [heard] : [], gateways: [], isFull: false, troubles: [], warnings: [] }
    },
    interfaces: [],
    ownAddresses: () => [OWN],
    clock,
  }
}

/** Let the clock run until a promise has settled. */
async function running<T>(clock: TestClock, work: Promise<T>): Promise<T> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  done.catch(() => undefined)
  for (let step = 0; step < 1_000 && !isDone; step += 1) await clock.advance(100)
  return done
}

describe('startAnnouncing()', () => {
  test('is done when the program that was started is the one that is heard', async () => {
    const clock = testClock()
    const place = world()
    const begins = () => {
      place.pid = 7
      void clock.sleep(2_000).then(() => Object.assign(place, { announcer: 7 }))
      void clock.sleep(11_000).then(() => Object.assign(place, { isHeard: true }))
    }

    const result = await running(clock, startAnnouncing(deps(place, begins, clock)))

    expect(result).toMatchObject({ changed: true, announced: true, process: { pid: 7 }, warnings: [] })
    expect(clock.monotonicMs()).toBeGreaterThan(11_000)
  })

  test('fails when nothing is heard, and leaves the job installed', async () => {
    const clock = testClock()
    const place = world()
    const begins = () => Object.assign(place, { pid: 7, announcer: 7 })

    const work = running(clock, startAnnouncing(deps(place, begins, clock)))

    await expect(work).rejects.toMatchObject({
      code: 'no-network',
      message: expect.stringContaining('Started, and not announced: Process 7 announces it'),
    })
    expect(place.isInstalled).toBe(true)
    expect(clock.monotonicMs()).toBeLessThan(30_000)
  })

  test('fails soon when the program ends at once', async () => {
    const clock = testClock()
    const place = world()

    const work = startAnnouncing(deps(place, () => Object.assign(place, { lastExitCode: 3 }), clock))

    await expect(running(clock, work)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('ended with 3'),
    })
    expect(clock.monotonicMs()).toBeLessThan(12_000)
  })

  test('what else on this machine is heard is no success of the program', async () => {
    const clock = testClock()
    const place = world({ isHeard: true })

    const work = startAnnouncing(deps(place, () => Object.assign(place, { pid: 7 }), clock))

    await expect(running(clock, work)).rejects.toMatchObject({ code: 'command-failed' })
  })

  test('starts nothing beside a process that announces already', async () => {
    const clock = testClock()
    const place = world({ announcer: 99, isHeard: true })

    const work = startAnnouncing(deps(place, () => {}, clock))

    await expect(running(clock, work)).rejects.toMatchObject({
      message: expect.stringContaining('process 99'),
    })
    expect(place.calls).toEqual([])
  })

  test('says why nobody can keep it', async () => {
    const clock = testClock()
    const keepAlive = {
      manager: 'none',
      reason: 'no systemd',
      hint: 'run it',
      stop: async () => false,
    } as const

    const work = startAnnouncing({ ...deps(world(), () => {}, clock), keepAlive })

    await expect(work).rejects.toMatchObject({
      code: 'no-keeper',
      message: 'Cannot keep this machine announced: no systemd',
      hint: 'run it',
    })
  })
})

describe('restartAnnouncing()', () => {
  test('waits for the new process', async () => {
    const clock = testClock()
    const place = world({ isInstalled: true, pid: 7, announcer: 7, isHeard: true })
    const begins = () => {
      Object.assign(place, { pid: 8, isHeard: false })
      void clock.sleep(1_000).then(() => Object.assign(place, { announcer: 8, isHeard: true }))
    }

    const result = await running(clock, restartAnnouncing(deps(place, begins, clock)))

    expect(result).toMatchObject({ announced: true, process: { pid: 8 } })
  })

  test('restarts one that is frozen', async () => {
    const clock = testClock()
    const place = world({ isInstalled: true, pid: 7, announcer: 0 })
    const begins = () => Object.assign(place, { pid: 8, announcer: 8, isHeard: true })

    await running(clock, restartAnnouncing(deps(place, begins, clock)))

    expect(place.calls).toEqual(['restart'])
  })

  test('needs one that was started', async () => {
    const work = restartAnnouncing(deps(world(), () => {}, testClock()))

    await expect(work).rejects.toMatchObject({ code: 'command-failed', hint: 'Run "claw-register start"' })
  })
})

describe('stopAnnouncing()', () => {
  test('waits until the process has left', async () => {
    const clock = testClock()
    const place = world({ isInstalled: true, pid: 7, announcer: 7 })
    void clock.sleep(1_500).then(() => Object.assign(place, { announcer: undefined }))

    const result = await running(clock, stopAnnouncing(deps(place, () => {}, clock)))

    expect(result).toEqual({ stopped: true, process: null })
    expect(place.isInstalled).toBe(false)
  })

  test('tells of one that goes on', async () => {
    const clock = testClock()
    const place = world({ announcer: 99 })

    const result = await running(clock, stopAnnouncing(deps(place, () => {}, clock)))

    expect(result).toEqual({ stopped: false, process: { pid: 99 } })
  })
})

test('lookAtAnnouncement() tells of a network that is not there', async () => {
  const clock = testClock()
  const browse = async () => {
    throw new ClawError('no-network', 'none')
  }

  const state = await lookAtAnnouncement({ ...deps(world(), () => {}, clock), browse })

  expect(state).toMatchObject({ announced: false, warnings: ['No network interface can be used for mDNS'] })
})

import { describe, expect, test } from 'vitest'
import {
  type ScheduleDeps,
  type ScheduleWishes,
  schedulePings,
  scheduleState,
  unschedulePings,
} from '../../../src/actions/schedule.ts'
import type { Scheduler, SchedulerKind } from '../../../src/adapters/scheduler.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { SCHEDULED_RUN } from '../../../src/fleet/scheduled-run.ts'
import type { Run } from '../../../src/store/store.ts'
import { testClock } from '../../support/test-clock.ts'

/** A computer with schedulers, each with a job or none, and what happened to them in order. */
type Computer = ScheduleDeps & { readonly log: string[]; readonly jobs: Set<SchedulerKind> }

type Facts = {
  readonly jobs?: readonly SchedulerKind[]
  readonly setting?: ScheduleDeps['settings']['scheduler']
  readonly daemonRunning?: boolean | null
  readonly lastRun?: (proof: string | undefined) => Run | undefined
  readonly clock?: ScheduleDeps['clock']
  readonly signal?: AbortSignal
  readonly scheduler?: Partial<Scheduler>
  readonly hasLauncher?: boolean
}

const runWith = (
  proof: string | null,
  failed: string | null = null,
  startedAt = '2026-11-20T12:00:00.000Z',
) => ({ program: SCHEDULED_RUN, startedAt, finishedAt: startedAt, result: { proof, failed } }) satisfies Run

function computer(facts: Facts = {}): Computer {
  const log: string[] = []
  const jobs = new Set<SchedulerKind>(facts.jobs)
  let proof: string | undefined
  const schedulerOf = (kind: SchedulerKind): Scheduler => ({
    kind,
    everyMinutes: 15,
    where: kind === 'cron' ? 'crontab' : `/${kind}`,
    lines: [`${kind} line`],
    trouble: async () => undefined,
    install: async () => {
      log.push(`install ${kind}`)
      const isNew = !jobs.has(kind)
      jobs.add(kind)
      return isNew
    },
    remove: async () => {
      if (!jobs.delete(kind)) return false
      log.push(`remove ${kind}`)
      return true
    },
    state: async () => ({
      installed: jobs.has(kind),
      matches: jobs.has(kind),
      lines: jobs.has(kind) ? ['a line'] : [],
      daemonRunning: facts.daemonRunning ?? true,
      caveat: null,
    }),
    runSoon: async text => {
      proof = text
      log.push(`run soon ${text}`)
      return { hasProof: true, [Symbol.asyncDispose]: async () => void log.push('tidy') }
    },
    ...facts.scheduler,
  })
  return {
    log,
    jobs,
    schedulers: (['cron', 'launchd', 'systemd'] as const).map(schedulerOf),
    settings: { scheduler: facts.setting ?? 'cron', pingIntervalMinutes: 15 },
    store: { lastRun: async () => (facts.lastRun ?? runWith)(proof ?? 'none') },
    clock: facts.clock ?? testClock(),
    saveScheduler: async kind => void log.push(`save ${kind}`),
    hasLauncher: () => facts.hasLauncher ?? true,
    newProof: () => 'proof1',
    onProgress: () => {},
    ...(facts.signal === undefined ? {} : { signal: facts.signal }),
  }
}

const WISHES: ScheduleWishes = { wait: true, dryRun: false }

describe('schedulePings()', () => {
  test('installs, sees a run with its own proof, and tidies up after it', async () => {
    const here = computer()

    const result = await schedulePings(here, WISHES)

    expect(result).toMatchObject({ scheduler: 'cron', changed: true, run: 'seen', removed: [], warnings: [] })
    expect(here.log).toEqual(['install cron', 'run soon proof1', 'tidy'])
  })

  test('an older job goes after the new one stands, and the setting is saved', async () => {
    const here = computer({ jobs: ['cron'] })

    const result = await schedulePings(here, { ...WISHES, scheduler: 'systemd', wait: false })

    expect(result).toMatchObject({ scheduler: 'systemd', removed: ['cron'], run: 'not-awaited' })
    expect(here.log).toEqual(['install systemd', 'remove cron', 'save systemd'])
  })

  test('after unschedule cron is the one again', async () => {
    const here = computer({ setting: 'none' })

    expect(await schedulePings(here, WISHES)).toMatchObject({ scheduler: 'cron' })
    expect(here.log).toContain('save cron')
  })

  test('a dry run touches nothing and says what would go', async () => {
    const here = computer({ jobs: ['launchd'] })

    const result = await schedulePings(here, { ...WISHES, dryRun: true })

    expect(result).toMatchObject({ changed: true, removed: ['launchd'], lines: ['cron line'], dryRun: true })
    expect(here.log).toEqual([])
  })

  test('the run of an older schedule is no proof; after 150 s it says so and tidies up', async () => {
    const clock = testClock()
    const here = computer({ clock, lastRun: () => runWith('another') })

    const waiting = schedulePings(here, WISHES)
    await clock.advance(151_000)

    const result = await waiting
    expect(result).toMatchObject({ run: 'not-seen' })
    expect(result.warnings.join()).toMatch(/no run came from it within 150 s.*Full Disk Access/)
    expect(here.log.at(-1)).toBe('tidy')
  })

  test('without a proof any run that began since then counts', async () => {
    const clock = testClock()
    const at = (seconds: number) => new Date(clock.now().getTime() + seconds * 1000).toISOString()
    let began = at(-1)
    const runSoon = async () => ({ hasProof: false, [Symbol.asyncDispose]: async () => {} })
    const here = computer({ clock, lastRun: () => runWith(null, null, began), scheduler: { runSoon } })

    const waiting = schedulePings(here, WISHES)
    await clock.advance(10_000)
    began = at(0)
    await clock.advance(1_000)

    expect(await waiting).toMatchObject({ run: 'seen' })
  })

  test('a run that came and failed is told', async () => {
    const here = computer({ lastRun: proof => runWith(proof ?? null, 'Cannot read "x"') })

    expect(await schedulePings(here, WISHES)).toMatchObject({
      run: 'seen',
      warnings: [expect.stringMatching(/claw-ping failed: Cannot read "x"/)],
    })
  })

  test('nobody waits for a daemon that does not run', async () => {
    const here = computer({ daemonRunning: false })

    expect(await schedulePings(here, WISHES)).toMatchObject({
      run: 'not-seen',
      warnings: [expect.stringMatching(/cron is not running here/)],
    })
    expect(here.log).toEqual(['install cron'])
  })

  test('who gives up waiting leaves the schedule, and nothing else', async () => {
    const clock = testClock()
    const controller = new AbortController()
    const here = computer({ clock, lastRun: () => undefined, signal: controller.signal })

    const waiting = schedulePings(here, WISHES)
    await clock.advance(1_000)
    controller.abort(new ClawError('cancelled', 'Stopped waiting'))

    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    expect(here.log).toEqual(['install cron', 'run soon proof1', 'tidy'])
  })

  test.each([
    ['this home has no claw-ping', { hasLauncher: false }, 'not-set-up'],
    [
      'the scheduler cannot be used',
      { scheduler: { trouble: async () => new ClawError('bad-input', 'no') } },
      'bad-input',
    ],
  ])('nothing is changed where %s', async (_what, facts, code) => {
    const here = computer(facts)

    await expect(schedulePings(here, WISHES)).rejects.toMatchObject({ code })
    expect(here.log).toEqual([])
  })

  test('what is not there when it is read back is an error', async () => {
    const here = computer({ scheduler: { install: async () => true } })

    await expect(schedulePings(here, WISHES)).rejects.toMatchObject({ code: 'command-failed' })
  })
})

describe('unschedulePings()', () => {
  test('takes the job out of every scheduler', async () => {
    const here = computer({ jobs: ['cron', 'systemd'] })

    expect(await unschedulePings(here, { dryRun: false })).toEqual({
      removed: ['cron', 'systemd'],
      warnings: [],
      dryRun: false,
    })
    expect(here.log).toEqual(['remove cron', 'remove systemd', 'save none'])
  })

  test('one that cannot be asked does not stop the others', async () => {
    const remove = async () => {
      throw new ClawError('command-failed', 'Cannot read your crontab', { hint: 'Look' })
    }
    const here = computer({ scheduler: { remove } })

    expect((await unschedulePings(here, { dryRun: false })).warnings).toEqual([
      'cron: Cannot read your crontab; Look',
      'launchd: Cannot read your crontab; Look',
      'systemd: Cannot read your crontab; Look',
    ])
  })

  test('a dry run removes nothing', async () => {
    const here = computer({ jobs: ['cron'] })

    expect(await unschedulePings(here, { dryRun: true })).toMatchObject({ removed: ['cron'], dryRun: true })
    expect(here.log).toEqual([])
  })
})

describe('scheduleState()', () => {
  test('tells what is there, who else pings, and how old the last run is', async () => {
    const clock = testClock(new Date('2026-11-20T12:40:00Z'))
    const here = computer({ jobs: ['cron', 'systemd'], clock, lastRun: () => runWith(null, 'x') })

    expect(await scheduleState(here)).toEqual({
      scheduler: 'cron',
      installed: true,
      matches: true,
      where: 'crontab',
      everyMinutes: 15,
      lines: ['a line'],
      daemonRunning: true,
      caveat: null,
      lastRun: {
        startedAt: '2026-11-20T12:00:00.000Z',
        finishedAt: '2026-11-20T12:00:00.000Z',
        ageSeconds: 2400,
        stale: true,
        failed: 'x',
      },
      others: ['systemd'],
    })
  })

  test('with the setting none there is only what others left', async () => {
    const here = computer({ jobs: ['launchd'], setting: 'none', lastRun: () => undefined })

    expect(await scheduleState(here)).toMatchObject({
      scheduler: 'none',
      installed: false,
      lastRun: null,
      others: ['launchd'],
    })
  })
})

import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { stopAnnouncing } from '../actions/keep-announced.ts'
import type { OutsideStep, UninstallDeps } from '../actions/uninstall.ts'
import { systemClock } from '../adapters/clock.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { ClawError } from '../fleet/error.ts'
import { field, parseValue } from '../fleet/parse.ts'
import { crontabPlace } from './schedule-deps.ts'
import type { Terminal } from './terminal.ts'

export type UninstallRequest = {
  readonly paths: HomePaths
  /** Another folder that may hold links to our launchers. */
  readonly binDir: string | undefined
  readonly stopAnnouncing: typeof stopAnnouncing
  readonly terminal: Pick<Terminal, 'progress'>
}

/**
 * Everything that removing this home from the machine needs. Nothing of it needs a home that reads: ids and settings
 * are not asked where the name of a file or the path of a program tells enough.
 *
 * All of it is loaded before the first step: the programs are gone when the last one is done.
 */
export async function uninstallDeps(request: UninstallRequest): Promise<UninstallDeps> {
  const { paths, terminal } = request
  const remains = await import('../adapters/home-remains.ts')
  return {
    home: paths.home,
    gatewayId: remains.idOfHome(paths),
    peers: remains.peersOfHome(paths),
    outside: [
      await crontabStep(paths),
      ...(await schedulerSteps(paths)),
      await announcementStep(request),
      await keysStep(paths),
      await linksStep(request),
      await scriptsStep(paths),
    ],
    programs: () => remains.programsOfHome(paths),
    data: () => remains.dataOfHome(paths),
    remove: found => remains.removePaths(found, [paths.bin, join(paths.home, 'scripts'), paths.home]),
    left: () => (existsSync(paths.home) ? remains.namesIn(paths.home) : undefined),
    onProgress: terminal.progress,
  }
}

async function crontabStep(paths: HomePaths): Promise<OutsideStep> {
  const [{ editCrontab, readCrontab }, { findProgram }, { withoutPrograms }, place] = await Promise.all([
    import('../adapters/crontab.ts'),
    import('../adapters/openclaw.ts'),
    import('../fleet/own-entries.ts'),
    crontabPlace({ paths, clock: systemClock }),
  ])
  const run = async (dryRun: boolean) => {
    // By its path: whoever starts us without PATH must not be told that there is no crontab.
    const command = await findProgram('crontab')
    if (command === undefined) return []
    let gone: readonly string[] = []
    const change = (text: string) => {
      const { rest, removed } = withoutPrograms(text, paths.bin)
      gone = [...gone, ...removed]
      return rest
    }
    if (dryRun) change(await readCrontab(command))
    else await editCrontab({ ...place, command }, change, systemClock.now())
    return [...new Set(gone)]
  }
  return { what: 'crontab lines', run }
}

/** The timers of launchd and systemd, which are known by names that the home's path decides. */
async function schedulerSteps(paths: HomePaths): Promise<readonly OutsideStep[]> {
  const [{ launchdScheduler }, { systemdScheduler }, { jobName }] = await Promise.all([
    import('../adapters/scheduler-launchd.ts'),
    import('../adapters/scheduler-systemd.ts'),
    import('../adapters/job-name.ts'),
  ])
  const job = {
    // Who pings, and how often, is no matter where the job goes.
    owner: parseValue(field.gatewayId, 'this-machine', 'the owner'),
    intervalMinutes: 15,
    program: join(paths.bin, 'claw-ping'),
    logs: paths.logs,
    label: jobName('com.openclaw.claw-clan-ping', paths.home),
    unit: jobName('claw-clan-ping', paths.home),
  }
  const scheduler = process.platform === 'darwin' ? launchdScheduler(job) : systemdScheduler(job)
  const run = async (dryRun: boolean) => {
    const isThere = dryRun ? (await scheduler.state()).lines.length > 0 : await scheduler.remove()
    return isThere ? [scheduler.where] : []
  }
  return [{ what: `the ${scheduler.kind} schedule`, run }]
}

async function announcementStep({ paths, stopAnnouncing }: UninstallRequest): Promise<OutsideStep> {
  const { stopAnnouncingDeps } = await import('./keep-announced-deps.ts')
  const deps = await stopAnnouncingDeps({ paths, clock: systemClock })
  const { keepAlive } = deps
  const file = keepAlive.manager === 'none' ? 'its job' : keepAlive.file
  const run = async (dryRun: boolean) => {
    if (dryRun) {
      const isThere = keepAlive.manager !== 'none' && (await keepAlive.state()).isInstalled
      return isThere ? [file] : []
    }
    const { stopped, process: left } = await stopAnnouncing(deps)
    if (left === null) return stopped ? [file] : []
    const which = left.pid === null ? 'a process' : `process ${left.pid}`
    throw new ClawError('not-removed', `${which} still announces this machine: end it first`)
  }
  return { what: 'the announcement', run }
}

async function keysStep(paths: HomePaths): Promise<OutsideStep> {
  const [{ authorizedKeysFile, editAuthorizedKeys }, { idsWithGate, withoutGate }, { acquireLock }] =
    await Promise.all([
      import('../adapters/authorized-keys.ts'),
      import('../fleet/own-grants.ts'),
      import('../store/lock.ts'),
    ])
  const file = authorizedKeysFile()
  const gate = join(paths.bin, 'claw-peer')
  const holder = {
    program: 'claw-setup',
    pid: process.pid,
    startedAt: systemClock.now().toISOString(),
  }
  const request = {
    directory: paths.locks,
    name: 'authorized-keys',
    waitMs: 30_000,
    holder,
    clock: systemClock,
  }
  const locked = async <T>(work: () => T): Promise<T> => {
    using lock = await acquireLock(request)
    if (lock !== undefined) return work()
    throw new ClawError('busy', `Cannot edit "${file}": another run of this home holds it`)
  }
  const run = async (dryRun: boolean) => {
    let ids: readonly string[] = []
    const exclusively = dryRun ? async <T>(work: () => T): Promise<T> => work() : locked
    const change = (text: string) => {
      ids = idsWithGate(text, gate)
      return dryRun ? text : withoutGate(text, gate)
    }
    await editAuthorizedKeys({ file, backups: paths.backups, exclusively }, change, systemClock.now())
    return ids.length === 0 ? [] : [`${file}: ${ids.join(', ')}`]
  }
  return { what: 'keys of other machines', run }
}

async function linksStep({ paths, binDir }: UninstallRequest): Promise<OutsideStep> {
  // Now: asking for the announcer changes the working folder, from which it is meant.
  const given = binDir === undefined ? undefined : resolve(binDir)
  const [{ applyLinks, planLinks }, { readInstallRecord }, { openClawState }, { removeIfEmpty }] =
    await Promise.all([
      import('../adapters/own-links.ts'),
      import('../adapters/version-folders.ts'),
      import('../adapters/openclaw.ts'),
      import('../adapters/home-remains.ts'),
    ])
  const run = async (dryRun: boolean) => {
    const record = readInstallRecord(paths)
    const bins = [record.binDir, given, join(homedir(), '.local', 'bin')]
    const skills = [record.skillsDir, join(openClawState(), 'skills')]
    const plans = [
      ...foldersOf(bins).map(folder => planLinks({ folder, links: {}, ours: [paths.bin] })),
      ...foldersOf(skills).map(folder =>
        planLinks({ folder, links: {}, ours: [join(paths.current, 'skills'), paths.versions] }),
      ),
    ]
    if (!dryRun) {
      for (const plan of plans) applyLinks(plan)
      for (const folder of record.madeFolders.toReversed()) removeIfEmpty(folder)
    }
    return plans.flatMap(({ folder, removed }) => removed.map(name => join(folder, name)))
  }
  return { what: 'links', run }
}

const foldersOf = (given: readonly (string | null | undefined)[]): readonly string[] => [
  ...new Set(given.filter(folder => typeof folder === 'string').map(folder => resolve(folder))),
]

async function scriptsStep(paths: HomePaths): Promise<OutsideStep> {
  const { bashScripts, removeBashLaunchers } = await import('../adapters/bash-scripts.ts')
  const run = async (dryRun: boolean) => {
    const ours = bashScripts(paths).filter(({ state }) => state === 'ours')
    if (!dryRun) removeBashLaunchers(paths)
    return ours.map(({ path }) => path)
  }
  return { what: 'launchers in scripts/', run }
}

import { existsSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { printable, quoteValue } from '../fleet/text.ts'
import { makeLogFiles, readJobFile, removeJobFile, writeJobFile } from './job-files.ts'
import { type ProgramResult, runProgram } from './process.ts'
import { serviceText, timerText, type UserService, type UserTimer } from './unit-text.ts'

/** Whose systemd it is; this process's own by default. */
export type SystemdSession = { readonly env: NodeJS.ProcessEnv; readonly uid: number }

/** What systemd makes of one unit. */
export type UnitState = {
  readonly file: string
  /** What the file says; undefined without one. */
  readonly text: string | undefined
  /** systemd's own words: `active`, `inactive`, `failed`, `activating`. */
  readonly active: string
  /** `running`, `waiting` (a timer), `dead`, `auto-restart`. */
  readonly sub: string
  /** Whether it starts with the user's systemd. */
  readonly isEnabled: boolean
  /** Undefined while no process of it runs. */
  readonly pid: number | undefined
  /** Of the last run of its process; undefined before that. */
  readonly lastExitCode: number | undefined
}

/** A unit that does not stop within 90 s is killed by systemd. */
const TIMEOUT_MS = 100_000
const PROPERTIES = 'ActiveState,SubState,UnitFileState,MainPID,ExecMainStatus,ExecMainExitTimestampMonotonic'

const ownSession = (): SystemdSession => ({ env: process.env, uid: process.getuid?.() ?? 0 })

/** @returns why this user's systemd cannot be used; undefined when it can */
export async function systemdTrouble(session = ownSession()): Promise<ClawError | undefined> {
  try {
    await checked(['show', '--property=Version'], session)
    return undefined
  } catch (error) {
    if (error instanceof ClawError) return error
    throw error
  }
}

/**
 * Write a service's unit. One that always runs is started, and started anew when its text has changed; nothing happens
 * while it is active with this very text.
 *
 * @returns whether anything was changed
 * @throws {ClawError} `command-failed` with what systemctl says; `bad-input` for what a unit cannot say
 */
export async function installService(service: UserService, session = ownSession()): Promise<boolean> {
  const unit = `${service.name}.service`
  const text = serviceText(service)
  const before = await unitState(unit, session)
  const isDue = service.when.kind === 'always'
  if (before.text === text && (!isDue || (before.active === 'active' && before.isEnabled))) return false
  makeLogFiles(service)
  await writeUnit(before, text, session)
  if (!isDue) return true
  await checked(['enable', unit], session)
  await restartUnit(unit, session)
  return true
}

/**
 * Write a timer's unit and start it; its service is installed first.
 *
 * @returns whether anything was changed
 * @throws {ClawError} `command-failed` with what systemctl says; `bad-input` for what a unit cannot say
 */
export async function installTimer(timer: UserTimer, session = ownSession()): Promise<boolean> {
  const unit = `${timer.name}.timer`
  const text = timerText(timer)
  const before = await unitState(unit, session)
  if (before.text === text && before.active === 'active' && before.isEnabled) return false
  await writeUnit(before, text, session)
  await checked(['enable', unit], session)
  await checked(['restart', unit], session)
  return true
}

/**
 * Stop units and take their files away. Without a systemd to talk to only the files go.
 *
 * @param units  with their endings: `x.timer`, `x.service`
 * @returns whether there were any
 * @throws {ClawError} `command-failed`
 */
export async function removeUnits(units: readonly string[], session = ownSession()): Promise<boolean> {
  const present = units.filter(unit => existsSync(unitFile(unit, session)))
  if ((await systemdTrouble(session)) !== undefined) {
    removeFiles(present, session)
    return present.length > 0
  }
  // Also one whose file somebody has removed while it ran.
  const states = await Promise.all(units.map(unit => unitState(unit, session)))
  const due = units.filter((unit, at) => present.includes(unit) || states[at]?.active !== 'inactive')
  if (due.length === 0) return false
  await checked(['stop', ...due], session)
  // Before the files go: it finds in them what to undo.
  if (present.length > 0) await checked(['disable', ...present], session)
  removeFiles(due, session)
  await checked(['daemon-reload'], session)
  await systemctl(['reset-failed', ...due], session)
  return true
}

function removeFiles(units: readonly string[], session: SystemdSession): void {
  for (const unit of units) {
    removeJobFile(unitFile(unit, session))
    for (const target of ['default.target.wants', 'timers.target.wants'])
      removeJobFile(unitFile(join(target, unit), session))
  }
}

/**
 * Start a service anew. That its program ends at once is told by `unitState`, not here: systemd notices it in time, or
 * not.
 *
 * @throws {ClawError} `command-failed`
 */
export async function restartUnit(unit: string, session = ownSession()): Promise<void> {
  const { code, stderr } = await systemctl(['restart', unit], session)
  if (code !== 0 && !stderr.startsWith(`Job for ${unit} failed`)) await checked(['restart', unit], session)
}

/** Look at a unit, with its ending. @throws {ClawError} `command-failed` without a systemd to talk to */
export async function unitState(unit: string, session = ownSession()): Promise<UnitState> {
  const { stdout } = await checked(['show', `--property=${PROPERTIES}`, unit], session)
  const facts = new Map(stdout.split('\n').map(line => [line.split('=')[0], line.replace(/^[^=]*=/, '')]))
  const fact = (name: string) => facts.get(name) ?? ''
  const file = unitFile(unit, session)
  const hasEnded = Number(fact('ExecMainExitTimestampMonotonic')) > 0
  return {
    file,
    text: readJobFile(file),
    active: fact('ActiveState'),
    sub: fact('SubState'),
    isEnabled: fact('UnitFileState') === 'enabled',
    pid: Number(fact('MainPID')) || undefined,
    lastExitCode: hasEnded ? Number(fact('ExecMainStatus')) : undefined,
  }
}

/** Where a unit, with its ending, is written. */
export function unitFile(unit: string, { env } = ownSession()): string {
  const given = env.XDG_CONFIG_HOME
  const config = given?.startsWith('/') ? given : join(env.HOME || homedir(), '.config')
  return join(config, 'systemd', 'user', unit)
}

async function writeUnit({ file }: UnitState, text: string, session: SystemdSession): Promise<void> {
  writeJobFile(file, text)
  await checked(['daemon-reload'], session)
}

async function checked(args: readonly string[], session: SystemdSession): Promise<ProgramResult> {
  const result = await systemctl(args, session)
  if (result.code === 0) return result
  const reason = printable(result.stderr.trim().split('\n')[0] ?? '') || `systemctl ended with ${result.code}`
  if (/connect to bus|not been booted|XDG_RUNTIME_DIR/.test(result.stderr)) throw notThere(reason, session)
  throw new ClawError('command-failed', `Cannot do "systemctl --user ${args.join(' ')}": ${reason}`, {
    hint: 'Run "systemctl --user status" to see what is wrong',
  })
}

function notThere(reason: string, { uid }: SystemdSession): ClawError {
  const isBooted = existsSync('/run/systemd/system')
  return new ClawError('command-failed', `Cannot reach this user's systemd: ${reason}`, {
    hint: isBooted
      ? `Run "loginctl enable-linger" (as root: "loginctl enable-linger ${userInfo().username}"), so that his systemd and /run/user/${uid} are there without a login`
      : 'This machine was not started by systemd',
  })
}

/** Logins by ssh, su, cron and sudo may lack the variable that names the folder of the user's systemd. */
async function systemctl(args: readonly string[], { env, uid }: SystemdSession): Promise<ProgramResult> {
  const usual = `/run/user/${uid}`
  const folder = env.XDG_RUNTIME_DIR || (existsSync(usual) ? usual : undefined)
  try {
    return await runProgram('systemctl', ['--user', '--no-pager', '--no-ask-password', ...args], {
      timeoutMs: TIMEOUT_MS,
      env: { ...env, XDG_RUNTIME_DIR: folder, SYSTEMD_COLORS: '0', LC_ALL: 'C' },
    })
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'command-failed') throw error
    throw new ClawError('command-failed', `Cannot use systemd: ${quoteValue('systemctl')} is not here`, {
      hint: 'This machine has no systemd',
      cause: error,
    })
  }
}

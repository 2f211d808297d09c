import { homedir } from 'node:os'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import { systemClock } from './clock.ts'
import { makeLogFiles, readJobFile, removeJobFile, writeJobFile } from './job-files.ts'
import { type LaunchAgent, launchAgentText } from './launch-agent.ts'
import { type ProgramResult, runProgram } from './process.ts'

/** Whose launchd it is; this process's own by default. */
export type LaunchdSession = {
  readonly env: NodeJS.ProcessEnv
  readonly uid: number
  /** Folder of the templates; by default the one that belongs to the program that runs. */
  readonly templates?: string
}

/** What launchd makes of one job. */
export type LaunchAgentState = {
  /** Its property list, in `~/Library/LaunchAgents`. */
  readonly file: string
  /** What the file says; undefined without one: then it does not start at the next login. */
  readonly text: string | undefined
  readonly isLoaded: boolean
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** Of its last run; undefined before that and where launchd does not tell. */
  readonly lastExitCode: number | undefined
}

/** A job that is told to end gets 20 s before launchd kills it. */
const TIMEOUT_MS = 30_000
const GONE_WITHIN_MS = 25_000
const LOOK_EVERY_MS = 200

const ownSession = (): LaunchdSession => ({ env: process.env, uid: process.getuid?.() ?? 0 })

/**
 * Write a job's file and have launchd run it from now on. Nothing happens when it is loaded with this very text.
 *
 * @returns whether anything was changed
 * @throws {ClawError} `command-failed` with what launchctl says; `bad-input` for what a job cannot say
 */
export async function installLaunchAgent(agent: LaunchAgent, session = ownSession()): Promise<boolean> {
  const text = launchAgentText(agent, session.templates)
  const before = await launchAgentState(agent.label, session)
  if (before.isLoaded && before.text === text) return false
  makeLogFiles(agent)
  writeJobFile(before.file, text)
  await unload(agent.label, session)
  // A job that was once unloaded with `-w` stays away from every domain until it is enabled.
  await launchctl(['enable', `${domains(session)[0]}/${agent.label}`], session)
  await load(before.file, agent.label, session)
  return true
}

/**
 * End a job and take its file away.
 *
 * @returns whether there was any
 * @throws {ClawError} `command-failed`
 */
export async function removeLaunchAgent(label: string, session = ownSession()): Promise<boolean> {
  const wasLoaded = await unload(label, session)
  return removeJobFile(launchAgentFile(label, session)) || wasLoaded
}

/** End a job's process and start it anew. @throws {ClawError} `command-failed` */
export async function restartLaunchAgent(label: string, session = ownSession()): Promise<void> {
  for (const domain of domains(session)) {
    if ((await launchctl(['kickstart', '-k', `${domain}/${label}`], session)).code === 0) return
  }
  throw new ClawError('command-failed', `Cannot restart "${label}": launchd does not have it loaded`, {
    hint: 'Run "claw-register start"',
  })
}

/** Look at a job. @throws {ClawError} `command-failed` without launchctl */
export async function launchAgentState(label: string, session = ownSession()): Promise<LaunchAgentState> {
  const file = launchAgentFile(label, session)
  const said = await printed(label, session)
  return {
    file,
    text: readJobFile(file),
    isLoaded: said !== undefined,
    // One tab: what a job's own words say stands deeper.
    pid: numberAfter(said, /^\t(?:pid|"PID") = (\d+);?$/m),
    lastExitCode: numberAfter(said, /^\tlast exit code = (\d+)/m),
  }
}

/** Where a job of this name is written. */
export const launchAgentFile = (label: string, { env } = ownSession()): string =>
  join(env.HOME || homedir(), 'Library', 'LaunchAgents', `${label}.plist`)

/** Where a user's jobs can be: the session of his desktop, else the one that exists as soon as he logs in by SSH. */
const domains = ({ uid }: LaunchdSession): readonly string[] => [`gui/${uid}`, `user/${uid}`]

const numberAfter = (text: string | undefined, pattern: RegExp): number | undefined => {
  const digits = text === undefined ? undefined : pattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** What launchd says about a job; undefined when it does not have it. */
async function printed(label: string, session: LaunchdSession): Promise<string | undefined> {
  for (const domain of domains(session)) {
    const { code, stdout } = await launchctl(['print', `${domain}/${label}`], session)
    if (code === 0) return stdout
  }
  const { code, stdout } = await launchctl(['list', label], session)
  return code === 0 ? stdout : undefined
}

async function load(file: string, label: string, session: LaunchdSession): Promise<void> {
  const first = await launchctl(['bootstrap', domains(session)[0] ?? '', file], session)
  if (first.code === 0) return
  // Nobody is logged in at the screen, or launchctl is of before macOS 10.10.
  const second = await launchctl(['load', '-w', file], session)
  if (second.code === 0 && (await printed(label, session)) !== undefined) return
  throw new ClawError('command-failed', `Cannot load "${file}" into launchd: ${reasonOf(first, second)}`, {
    hint: 'Log in at the screen of this Mac once, then run the command again',
  })
}

/** launchd goes on ending the job after launchctl has returned; loading it meanwhile would fail. */
async function unload(label: string, session: LaunchdSession): Promise<boolean> {
  if ((await printed(label, session)) === undefined) return false
  for (const domain of domains(session)) await launchctl(['bootout', `${domain}/${label}`], session)
  const startedAt = systemClock.monotonicMs()
  while ((await printed(label, session)) !== undefined) {
    if (systemClock.monotonicMs() - startedAt > GONE_WITHIN_MS) {
      throw new ClawError('command-failed', `Cannot unload "${label}": launchd still has it`, {
        hint: `Run "launchctl print gui/${session.uid}/${label}"`,
      })
    }
    await systemClock.sleep(LOOK_EVERY_MS)
  }
  return true
}

const reasonOf = (...results: readonly ProgramResult[]): string =>
  results
    .map(({ code, stdout, stderr }) => printable((stderr || stdout).trim().split('\n')[0] || `code ${code}`))
    .join('; ')

async function launchctl(args: readonly string[], { env }: LaunchdSession): Promise<ProgramResult> {
  return await runProgram('launchctl', args, { timeoutMs: TIMEOUT_MS, env })
}

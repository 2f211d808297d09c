import { access, constants, readFile, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** OpenClaw's state folder: `OPENCLAW_STATE_DIR`, else `.openclaw[-PROFILE]` in `OPENCLAW_HOME` or the user's home. */
export function openClawState(env: Environment = process.env): string {
  const { OPENCLAW_PROFILE: profile = '' } = env
  const isNamed = /^[A-Za-z0-9_-]+$/.test(profile) && profile !== 'default'
  const home = env.OPENCLAW_HOME || env.HOME || homedir()
  return env.OPENCLAW_STATE_DIR || join(home, isNamed ? `.openclaw-${profile}` : '.openclaw')
}

/** Where programs are installed that a short PATH, as cron's, does not name. */
const USUAL_FOLDERS = ['/opt/homebrew/bin', '/usr/local/bin', '/usr/bin', '/bin']

/** A program by name: on PATH, then where people install such things. @returns undefined when it is nowhere */
export async function findProgram(name: string, env: Environment = process.env): Promise<string | undefined> {
  const home = env.HOME || homedir()
  const own = [join(home, '.npm-global', 'bin'), join(home, '.local', 'bin')]
  const folders = [...(env.PATH ?? '').split(delimiter), ...own, ...USUAL_FOLDERS].filter(isAbsolute)
  for (const folder of new Set(folders)) {
    const path = join(folder, name)
    if (await isProgram(path)) return path
  }
  return undefined
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

const MAX_LEVELS = 6

/**
 * Version of an installed OpenClaw, from the package.json above its program: starting it would cost seconds and up to
 * half a gigabyte.
 *
 * @returns undefined when no package.json of that name is near
 */
export async function openClawVersion(program: string): Promise<string | undefined> {
  let folder = dirname(await realpath(program).catch(() => program))
  for (let level = 0; level < MAX_LEVELS; level++) {
    const version = await versionIn(join(folder, 'package.json'))
    if (version !== undefined) return version
    folder = dirname(folder)
  }
  return undefined
}

async function versionIn(file: string): Promise<string | undefined> {
  try {
    const { name, version } = JSON.parse(await readFile(file, 'utf8'))
    return name === 'openclaw' && typeof version === 'string' ? version.slice(0, 64) : undefined
  } catch {
    return undefined // no package.json here, or none that reads
  }
}

/** What `openclaw skills info NAME --json` says. */
export type SkillInfo = { readonly isReady: boolean; readonly why: string }

/**
 * Ask OpenClaw itself whether it offers a skill. Costs seconds: only when the owner asked for it.
 *
 * @throws {ClawError} `timeout`, `command-failed`
 */
export async function askSkill(program: string, skill: string, timeoutMs: number): Promise<SkillInfo> {
  const { runProgram } = await import('./process.ts')
  const { code, stdout, stderr } = await runProgram(program, ['skills', 'info', skill, '--json'], {
    timeoutMs,
  })
  if (code !== 0) return { isReady: false, why: lastLine(stderr) || 'it does not know it' }
  try {
    const { eligible, modelVisible, disabled, missing } = JSON.parse(stdout)
    if (disabled === true) return { isReady: false, why: 'it is switched off there' }
    if (eligible === false)
      return { isReady: false, why: `something is missing: ${JSON.stringify(missing ?? {})}` }
    if (modelVisible === false) return { isReady: false, why: 'it is hidden from the model' }
    return { isReady: true, why: '' }
  } catch {
    return { isReady: false, why: 'its answer is no JSON' }
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 200) ?? ''

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, type PlistValue, parse } from 'plist'
import { ClawError } from '../fleet/error.ts'
import { checkCall, type ProgramCall } from '../fleet/program-call.ts'

/** One job of launchd. */
export type LaunchAgent = ProgramCall & {
  /** Its name in launchd, and of its file: `com.openclaw.claw-clan-mdns`. */
  readonly label: string
  readonly when:
    | { readonly kind: 'always' }
    | { readonly kind: 'every'; readonly seconds: number; readonly runAtLoad: boolean }
}

const LABEL = /^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/

/**
 * The property list of a job: a template of the `launchd` folder with its holes filled.
 *
 * The template is parsed first and filled then, so whatever a value holds is data.
 *
 * @param folder  of the templates
 * @throws {ClawError} `bad-input` for what cannot be said; `command-failed` without a template
 */
export function launchAgentText(agent: LaunchAgent, folder = templateFolder()): string {
  checkCall(agent)
  const { label, argv, env, when, stdoutLog, stderrLog } = agent
  if (!LABEL.test(label)) throw new ClawError('bad-input', `Cannot use "${label}" as a launchd label`)
  const holes = {
    label,
    argv: [...argv],
    env: env === undefined ? undefined : { ...env },
    stdoutLog,
    stderrLog,
    ...(when.kind === 'every' ? { intervalSeconds: when.seconds, runAtLoad: when.runAtLoad } : {}),
  }
  const template = readTemplate(join(folder, when.kind === 'always' ? 'keep-alive.plist' : 'interval.plist'))
  return `${build(filled(parse(template), new Map(Object.entries(holes))) ?? {})}\n`
}

/**
 * Where the templates lie: beside the folder of the built programs, or at the top of the sources.
 *
 * @param program  the program that runs
 */
export function templateFolder(program = process.argv[1] ?? '.'): string {
  const start = dirname(realpathSync(program))
  const folders = [start, dirname(start), dirname(dirname(start))].map(folder => join(folder, 'launchd'))
  return folders.find(folder => existsSync(folder)) ?? join(dirname(start), 'launchd')
}

function readTemplate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ClawError('command-failed', `Cannot read the launchd template "${file}"`, {
      hint: 'Install claw-clan again: node install.ts',
      cause: error,
    })
  }
}

type Holes = ReadonlyMap<string, PlistValue | undefined>

/** Undefined for a hole without a value. */
function filled(value: PlistValue, holes: Holes): PlistValue | undefined {
  if (typeof value === 'string') {
    const name = /^\{\{(\w+)\}\}$/.exec(value)?.[1]
    return name === undefined ? value : holes.get(name)
  }
  if (Array.isArray(value)) return value.flatMap(item => filled(item, holes) ?? [])
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array)
    return value
  const entries = Object.entries(value).map(([key, item]) => [key, filled(item, holes)] as const)
  return Object.fromEntries(entries.flatMap(([key, item]) => (item === undefined ? [] : [[key, item]])))
}

import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { gateText, launcherText } from '../fleet/launcher.ts'
import { quoteValue } from '../fleet/text.ts'
import type { HomePaths } from './home-paths.ts'
import { replaceFile } from './whole-file.ts'

/** What to start: program name without `claw-` to the absolute path of its script. */
export type LauncherPlan = {
  readonly paths: Pick<HomePaths, 'home' | 'bin' | 'identity'>
  /** Absolute path of node. */
  readonly node: string
  readonly programs: Readonly<Record<string, string>>
}

/**
 * Write `bin/claw-<name>` for every program, each replaced whole, mode 0700; `peer` becomes the gate. What else lies
 * in `bin` stays. Nothing is written unless all of the plan is allowed.
 *
 * @returns absolute paths of what was written
 * @throws {ClawError} `bad-input` for a path that is not absolute or an odd name; `store-unavailable`
 */
export function writeLaunchers({ paths, node, programs }: LauncherPlan): readonly string[] {
  const texts = Object.entries(programs).map(([name, script]) => {
    checkPlan(name, [node, script, paths.home])
    const { home, identity } = paths
    const start = { name: `claw-${name}`, home, identity, userHome: homedir(), node, script }
    return [join(paths.bin, `claw-${name}`), name === 'peer' ? gateText(start) : launcherText(start)] as const
  })
  try {
    mkdirSync(paths.bin, { recursive: true, mode: 0o700 })
    for (const [file, text] of texts) replaceFile(file, text, 0o700)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ClawError('store-unavailable', `Cannot write the launchers in "${paths.bin}": ${why}`, {
      cause,
    })
  }
  return texts.map(([file]) => file)
}

function checkPlan(name: string, paths: readonly string[]): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw new ClawError('bad-input', `Cannot write a launcher for ${quoteValue(name)}: it is no program name`)
  }
  const odd = paths.find(path => !isAbsolute(path))
  if (odd !== undefined) {
    throw new ClawError(
      'bad-input',
      `Cannot write the launcher of "${name}": ${quoteValue(odd)} is not an absolute path`,
    )
  }
}

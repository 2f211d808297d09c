import type { HomePaths } from './home-paths.ts'

/** What to start: program name without `claw-` to the absolute path of its script. */
export type LauncherPlan = {
  readonly paths: Pick<HomePaths, 'home' | 'bin' | 'identity'>
  /** Absolute path of node. */
  readonly node: string
  readonly programs: Readonly<Record<string, string>>
}

export function writeLaunchers(_plan: LauncherPlan): readonly string[] {
  throw new Error('not written yet')
}

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The repository. */
export const ROOT = join(import.meta.dirname, '..')

/** Path of a program below the repository: its bundle where one was built of these sources, else its source. */
export const programPath = (name: string): string =>
  isBuilt() ? join('dist', `${name}.js`) : join('src', 'bin', `${name}.ts`)

/** True when the bundles are there and no older than their sources. */
export function isBuilt(): boolean {
  const builtAt = changedAt(join(ROOT, 'dist', 'setup.js'))
  if (builtAt === undefined) return false
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  return sources.every(file => (changedAt(join(ROOT, 'src', file)) ?? 0) <= builtAt)
}

const changedAt = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The repository. */
export const ROOT = join(import.meta.dirname, '..')

/** Path of a program below the repository: its bundle where one was built of these sources, else its source. */
export function programPath(name: string): string {
  const bundle = join('dist', `${name}.js`)
  return isUpToDate(join(ROOT, bundle)) ? bundle : join('src', 'bin', `${name}.ts`)
}

function isUpToDate(bundle: string): boolean {
  const builtAt = changedAt(bundle)
  if (builtAt === undefined) return false
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  return sources.every(file => (changedAt(join(ROOT, 'src', file)) ?? 0) <= builtAt)
}

const changedAt = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs

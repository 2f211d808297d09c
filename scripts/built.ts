import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** What a build is made of, below the repository. */
const INGREDIENTS = ['package.json', 'package-lock.json', 'scripts/build.ts']

/** True when `dist` is complete and newer than everything it is made of. */
export function isBuilt(): boolean {
  const builtAt = changedAt('dist/package.json')
  if (builtAt === undefined || changedAt('dist/setup.js') === undefined) return false
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const made = [...INGREDIENTS, 'src', ...sources.map(file => `src/${file}`)]
  return made.every(path => (changedAt(path) ?? 0) < builtAt)
}

const changedAt = (path: string): number | undefined =>
  statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs

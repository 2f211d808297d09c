import { existsSync, realpathSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import type { HomePaths } from '../adapters/home-paths.ts'

/**
 * What writes the launchers of this home: of an installed one to its current version, with a node that stays; of one
 * that was set up from a clone to the programs beside the one that is running.
 *
 * @param names  of all programs
 * @returns writes, and gives the paths written
 */
export async function ownLaunchers(
  paths: HomePaths,
  names: readonly string[],
): Promise<() => readonly string[]> {
  const [{ writeLaunchers }, { currentVersion }] = await Promise.all([
    import('../adapters/gate.ts'),
    import('../adapters/version-folders.ts'),
  ])
  const installed = join(paths.current, 'dist')
  if (currentVersion(paths) === undefined || !existsSync(join(installed, 'setup.js'))) {
    const running = realpathSync(process.argv[1] ?? '')
    const programs = programsIn(dirname(running), extname(running), names)
    return () => writeLaunchers({ paths, node: process.execPath, programs })
  }
  const { findNode, keepNode } = await import('../adapters/find-node.ts')
  const node = await findNode({ paths })
  const programs = programsIn(installed, '.js', names)
  return () => {
    keepNode(node)
    return writeLaunchers({ paths, node: node.path, programs })
  }
}

/** Absolute paths of the programs that are there. */
function programsIn(
  folder: string,
  ending: string,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const paths = names.map(name => [name, join(folder, `${name}${ending}`)] as const)
  return Object.fromEntries(paths.filter(([, path]) => existsSync(path)))
}

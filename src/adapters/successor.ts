import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Go on as another program of this build: same process id, same standard streams, nothing else of this one left in
 * memory.
 *
 * @param name   a program beside the one that runs, without `.js`
 * @param flags  of node itself
 * @param words  its arguments
 * @returns only when that cannot be: run from sources, or on a system that cannot replace a process
 */
export function continueAs(name: string, flags: readonly string[], words: readonly string[]): void {
  const program = join(dirname(realpathSync(process.argv[1] ?? '.')), `${name}.js`)
  if (process.execve === undefined || !existsSync(program)) return
  const environment = Object.entries(process.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  )
  process.execve(
    process.execPath,
    [process.execPath, ...flags, program, ...words],
    Object.fromEntries(environment),
  )
}

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Names under which configuration loaders look for the settings of a program called claw, claw-clan or clawclan. */
const OURS = /^\.?claw(-?clan)?(rc)?(\.config)?\.(js|ts|mjs|cjs|mts|cts|json|ya?ml)$|^\.claw(-?clan)?rc$/
/** And for any program, in `.config/` or in its own folder. */
const ANYBODYS = /^config\.(js|ts|mjs|cjs|mts|cts|json|ya?ml)$/
const MAX_BYTES = 1024 * 1024

/**
 * Files in a folder that look like settings of ours and are never read: a search by name would run code of whoever
 * may write there.
 *
 * @param isHome  it is our own folder, where every `config.*` is meant for us
 * @param read    the file that is read, if any
 */
export function foreignConfigIn(
  folder: string,
  isHome: boolean,
  read: string | undefined,
): readonly string[] {
  const beside = namesIn(folder).filter(name => OURS.test(name) || (isHome && ANYBODYS.test(name)))
  const inside = namesIn(join(folder, '.config')).filter(name => OURS.test(name) || ANYBODYS.test(name))
  const paths = [
    ...beside.map(name => join(folder, name)),
    ...inside.map(name => join(folder, '.config', name)),
  ]
  const manifest = join(folder, 'package.json')
  return [...paths, ...(hasOurKey(manifest) ? [manifest] : [])].filter(path => path !== read)
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // no such folder, or not ours to read
  }
}

function hasOurKey(file: string): boolean {
  try {
    if (statSync(file).size > MAX_BYTES) return false
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const keys = typeof content === 'object' && content !== null ? Object.keys(content) : []
    return keys.some(key => key === 'claw' || key === 'claw-clan')
  } catch {
    return false
  }
}

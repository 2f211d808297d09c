// `npm run bench [-- parts] [--quick] [--json]`: ratios against what others would use, all from one run.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blackHolePart } from './black-hole.ts'
import { browsePart } from './browse.ts'
import { installPart } from './install.ts'
import { memoryPart } from './memory.ts'
import type { Bed, Part } from './part.ts'
import { pingPart } from './ping.ts'
import { json, type Row, type Setting, table } from './report.ts'
import { openScratch, type Scratch } from './scratch.ts'
import { startUpPart } from './start-up.ts'
import { storePart } from './store.ts'

const ROOT = join(import.meta.dirname, '..')
const PARTS: readonly Part[] = [
  pingPart,
  blackHolePart,
  startUpPart,
  storePart,
  browsePart,
  memoryPart,
  installPart,
]

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
    allowPositionals: true,
  })
  const chosen = choose(positionals)
  using scratch = openScratch()
  const dist = copyOfBundle(scratch)
  const rows: Row[] = []
  const notes: string[] = []
  const isQuick = values.quick ?? false
  const loadBefore = loadavg()[0] ?? 0
  for (const part of chosen) {
    const { rows: more, note } = await measured(part, { dist, node: process.execPath, isQuick })
    rows.push(...more)
    if (note !== undefined) notes.push(note)
  }
  const load = [loadBefore, loadavg()[0] ?? 0]
  const setting: Setting = { node: process.version, cores: availableParallelism(), isQuick, load, notes }
  process.stdout.write(values.json ? `${json(rows, setting)}\n` : textOf(rows, setting))
}

type Measured = { readonly rows: readonly Row[]; readonly note?: string }

/** One part in a scratch of its own. A part that fails is named in the result, sets the exit code and stops no other. */
async function measured(
  { letter, name, lacks, measure }: Part,
  bed: Omit<Bed, 'scratch' | 'say'>,
): Promise<Measured> {
  const missing = lacks()
  if (missing !== undefined) return { rows: [], note: `Part ${letter} (${name}) is left out: ${missing}` }
  using scratch = openScratch()
  try {
    return { rows: await measure({ ...bed, scratch, say: text => progress(`${letter} ${name}: ${text}`) }) }
  } catch (error) {
    process.exitCode = 1
    return {
      rows: [],
      note: `Part ${letter} (${name}) failed: ${error instanceof Error ? error.message : error}`,
    }
  }
}

function textOf(rows: readonly Row[], { node, cores, isQuick, load, notes }: Setting): string {
  const [before, after] = load.map(value => value.toFixed(1))
  const head = `node ${node}, ${cores} cores, load ${before} before, ${after} after${isQuick ? ', few rounds (--quick)' : ''}`
  return `${[head, '', table(rows), ...notes].join('\n')}\n`
}

function choose(words: readonly string[]): readonly Part[] {
  const unknown = words.find(word => !PARTS.some(({ letter, name }) => word === letter || word === name))
  if (unknown !== undefined) {
    const known = PARTS.map(({ letter, name }) => `${letter} (${name})`).join(', ')
    process.stderr.write(`There is no part "${unknown}": use ${known}\n`)
    process.exit(2)
  }
  return words.length === 0
    ? PARTS
    : PARTS.filter(({ letter, name }) => words.includes(letter) || words.includes(name))
}

function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
}

/** What is installed is measured: the bundle, built anew when any source is younger. */
function copyOfBundle(scratch: Scratch): string {
  const dist = join(ROOT, 'dist')
  const builtAt = existsSync(join(dist, 'package.json')) ? statSync(join(dist, 'package.json')).mtimeMs : 0
  const isOld = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).some(
    file => statSync(join(ROOT, 'src', file)).mtimeMs > builtAt,
  )
  if (isOld) {
    progress('building')
    execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.ts')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  const copy = scratch.folder('dist')
  cpSync(dist, copy, { recursive: true, filter: path => path !== join(dist, 'cache') })
  return copy
}

await main()

// `npm run bench [-- parts] [--quick] [--json]`: ratios against what others would use, all from one run.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blackHolePart } from './black-hole.ts'
import { browsePart } from './browse.ts'
import { memoryPart } from './memory.ts'
import type { Part } from './part.ts'
import { pingPart } from './ping.ts'
import { json, type Row, type Setting, table } from './report.ts'
import { openScratch, type Scratch } from './scratch.ts'
import { startUpPart } from './start-up.ts'
import { storePart } from './store.ts'

const ROOT = join(import.meta.dirname, '..')
const PARTS: readonly Part[] = [pingPart, blackHolePart, startUpPart, storePart, browsePart, memoryPart]

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'boolean' } },
    allowPositionals: true,
  })
  const isQuick = values.quick ?? false
  const chosen = choose(positionals)
  using scratch = openScratch()
  const dist = copyOfBundle(scratch)
  const rows: Row[] = []
  const leftOut: string[] = []
  const loadBefore = loadavg()[0] ?? 0
  for (const { letter, name, lacks, measure } of chosen) {
    const say = (text: string) => progress(`${letter} ${name}: ${text}`)
    const missing = lacks()
    if (missing === undefined)
      rows.push(...(await measure({ scratch, dist, node: process.execPath, isQuick, say })))
    else leftOut.push(`Part ${letter} (${name}) is left out: ${missing}`)
  }
  const setting: Setting = {
    node: process.version,
    cores: availableParallelism(),
    isQuick,
    loadBefore,
    loadAfter: loadavg()[0] ?? 0,
    leftOut,
  }
  process.stdout.write(values.json ? `${json(rows, setting)}\n` : textOf(rows, setting))
}

function textOf(
  rows: readonly Row[],
  { node, cores, isQuick, loadBefore, loadAfter, leftOut }: Setting,
): string {
  const load = `load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`
  const head = `node ${node}, ${cores} cores, ${load}${isQuick ? ', few rounds (--quick)' : ''}`
  return `${[head, '', table(rows), ...leftOut].join('\n')}\n`
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

import { dirname, join } from 'node:path/posix'
import { bare, importsOf } from './imports.ts'

type Folder = {
  /** Folders that may be imported at run time, beside the own one. */
  readonly runs: readonly string[]
  /** Folders that may be imported by `import type` as well. */
  readonly types: readonly string[]
  /** Packages that may be imported; 'any' for one of its choice per file. */
  readonly packages: readonly string[] | 'any'
  /** Whether Node's own modules may be imported. */
  readonly node: boolean
}

const CORE = ['messaging', 'fleet']

/** The import table of ARCHITECTURE.md. */
const TABLE: Readonly<Record<string, Folder>> = {
  fleet: { runs: [], types: [], packages: ['zod'], node: false },
  messaging: { runs: ['fleet'], types: [], packages: [], node: false },
  store: { runs: CORE, types: ['adapters'], packages: ['lowdb', 'pg'], node: true },
  adapters: { runs: ['fleet'], types: [], packages: 'any', node: true },
  actions: { runs: ['fleet'], types: ['store', 'adapters'], packages: [], node: true },
  hub: {
    runs: CORE,
    types: ['store', 'adapters'],
    packages: ['hono', '@hono/node-server', 'ws', 'node-cron'],
    node: true,
  },
  client: { runs: ['messaging'], types: [], packages: [], node: false },
  dashboard: { runs: CORE, types: ['store'], packages: [], node: true },
  cli: {
    runs: [...CORE, 'store', 'adapters', 'hub', 'client'],
    types: ['actions'],
    packages: ['@clack/prompts'],
    node: true,
  },
  bin: { runs: ['cli', 'actions', 'hub', 'dashboard'], types: [], packages: [], node: true },
}

/** What lies outside the folders and may be imported all the same. */
const EXCEPTIONS: Readonly<Record<string, string>> = { 'adapters/version.ts': '../package.json' }

/** Packages that one file alone may import, whatever its folder allows. */
const ONLY_IN: Readonly<Record<string, string>> = { zod: 'fleet/parse.ts' }

const LONGEST_FILE = 250
/** Not counting its table of options, which decides nothing and takes a line per word. */
const LONGEST_PROGRAM = 40
const OPTION_TABLE = /^ {2}options: \{\n[\s\S]*?^ {2}\},\n/m
const EMPTY_NAMES = /^(?:.*-)?(?:utils?|helpers?|common|managers?|services?|misc|shared)(?:-.*)?\.ts$/

type Edge = { readonly file: string; readonly from: string; readonly to: string; readonly runs: boolean }

const folderOf = (file: string): string => file.split('/')[0] ?? ''
const isRelative = (from: string): boolean => from.startsWith('.')
const packageOf = (from: string): string =>
  from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')

/**
 * Everything in a source tree that breaks the architecture, one sentence each.
 *
 * @param files  path below src (`fleet/peer.ts`) to source text
 */
export function violations(files: ReadonlyMap<string, string>): readonly string[] {
  const edges = [...files].flatMap(([file, source]) =>
    importsOf(source).map(({ from, runs }) => ({
      file,
      from,
      to: isRelative(from) ? join(dirname(file), from) : from,
      runs,
    })),
  )
  return [
    ...edges.flatMap(edge => wrongEdge(edge, files)),
    ...sharedPackages(edges),
    ...cycles(edges),
    ...[...files].flatMap(([file, source]) => wrongText(file, source)),
  ]
}

function wrongEdge(edge: Edge, files: ReadonlyMap<string, string>): readonly string[] {
  const { file, from, to, runs } = edge
  const rules = TABLE[folderOf(file)]
  if (rules === undefined) return [`${file} is in no folder of the import table`]
  if (from === '(computed)') return [`${file} imports a module by a computed name`]
  if (EXCEPTIONS[file] === to) return []
  if (!isRelative(from)) return wrongPackage(edge, rules)
  if (!files.has(to)) return [`${file} imports "${from}", which is no file below src`]
  const folder = folderOf(to)
  if (folder === folderOf(file) || rules.runs.includes(folder)) return []
  if (!rules.types.includes(folder))
    return [`${file} imports ${to}: ${folderOf(file)} may not know ${folder}`]
  return runs
    ? [`${file} imports ${to} at run time: ${folderOf(file)} may know only the types of ${folder}`]
    : []
}

function wrongPackage({ file, from }: Edge, { packages, node }: Folder): readonly string[] {
  if (from === 'node:sqlite' && folderOf(file) !== 'store')
    return [`${file} imports "${from}", which is for store`]
  if (from.startsWith('node:'))
    return node ? [] : [`${file} imports "${from}": ${folderOf(file)} runs without Node`]
  const name = packageOf(from)
  const only = ONLY_IN[name]
  if (only !== undefined && only !== file) return [`${file} imports "${name}", which is for ${only}`]
  if (packages === 'any' || packages.includes(name)) return []
  return [`${file} imports "${name}", which ${folderOf(file)} may not use`]
}

/** A package belongs to one file, and a file of adapters holds one package: either can then be replaced alone. */
function sharedPackages(edges: readonly Edge[]): readonly string[] {
  const outside = edges.filter(
    ({ file, from }) => !isRelative(from) && !from.startsWith('node:') && !file.endsWith('.d.ts'),
  )
  const uses = new Map<string, Set<string>>()
  const held = new Map<string, Set<string>>()
  for (const { file, from } of outside) {
    uses.set(packageOf(from), (uses.get(packageOf(from)) ?? new Set()).add(file))
    held.set(file, (held.get(file) ?? new Set()).add(packageOf(from)))
  }
  return [
    ...[...uses]
      .filter(([, by]) => by.size > 1)
      .map(([name, by]) => `"${name}" is imported by ${[...by].join(' and ')}`),
    ...[...held]
      .filter(([file, names]) => folderOf(file) === 'adapters' && names.size > 1)
      .map(([file, names]) => `${file} holds ${[...names].join(' and ')}: one package each`),
  ]
}

/** Files that need each other at run time, each cycle once. */
function cycles(edges: readonly Edge[]): readonly string[] {
  const next = new Map<string, string[]>()
  for (const { file, to, runs } of edges) if (runs) next.set(file, [...(next.get(file) ?? []), to])
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]) => {
    const back = path.indexOf(file)
    if (back >= 0) found.push(`cycle: ${[...path.slice(back), file].join(' -> ')}`)
    if (back >= 0 || done.has(file)) return
    for (const to of next.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  return found
}

type TextRule = {
  readonly found: RegExp
  readonly says: string
  readonly allowedIn: (file: string) => boolean
}

const isClockOrIds = (file: string) => file === 'adapters/clock.ts' || file === 'adapters/ids.ts'
const isAdapter = (file: string) => folderOf(file) === 'adapters'

const TEXT_RULES: readonly TextRule[] = [
  { found: /\bDate\s*\.\s*now\b/, says: 'asks for the time (Date.now)', allowedIn: isClockOrIds },
  {
    found: /\bnew\s+Date\s*(?:\(\s*\)|(?![\s(]))/,
    says: 'asks for the time (new Date())',
    allowedIn: isClockOrIds,
  },
  { found: /\bset(?:Timeout|Interval|Immediate)\b/, says: 'arms a timer', allowedIn: isAdapter },
  { found: /\bMath\s*\.\s*random\b/, says: 'draws a random number', allowedIn: isClockOrIds },
  { found: /\brandomUUID\b/, says: 'draws a random number', allowedIn: isClockOrIds },
  { found: /\bexport\s+default\b|\bas\s+default\b/, says: 'has a default export', allowedIn: () => false },
  { found: /\brequire\s*\(|\bcreateRequire\b/, says: 'loads a module by require', allowedIn: () => false },
  { found: /\bprocess\s*\.\s*exit\b/, says: 'ends the process', allowedIn: file => folderOf(file) === 'cli' },
]

function wrongText(file: string, source: string): readonly string[] {
  const { code } = bare(source)
  const isProgram = folderOf(file) === 'bin'
  const lines = (isProgram ? source.replace(OPTION_TABLE, '') : source).trimEnd().split('\n').length
  const longest = isProgram ? LONGEST_PROGRAM : LONGEST_FILE
  // Asked for as a whole, it brings zod as a whole: half a megabyte in what every program loads.
  const wholeZod = /\bimport\(\s*'[^']*fleet\/parse\.ts'/.test(source)
  const timers =
    importsOf(source).some(({ from, runs }) => runs && from.startsWith('node:timers')) && !isAdapter(file)
  return [
    ...TEXT_RULES.filter(({ found, allowedIn }) => !allowedIn(file) && found.test(code)).map(
      ({ says }) => `${file} ${says}`,
    ),
    ...(wholeZod ? [`${file} imports fleet/parse.ts lazily`] : []),
    ...(timers ? [`${file} imports timers`] : []),
    ...(lines > longest ? [`${file} has ${lines} lines, at most ${longest} are allowed`] : []),
    ...(EMPTY_NAMES.test(file.split('/').at(-1) ?? '') && file !== 'fleet/service.ts'
      ? [`${file} has a name that says nothing`]
      : []),
  ]
}

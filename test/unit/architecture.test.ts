import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { violations } from '../support/architecture.ts'

const SRC = join(import.meta.dirname, '..', '..', 'src')

const sources = () =>
  new Map(
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts'))
      .map(file => [file, readFileSync(join(SRC, file), 'utf8')]),
  )

test('src keeps to the import table, has no cycles, and leaves time and chance to the clock and the ids', () => {
  const files = sources()

  expect(files.size).toBeGreaterThan(20)
  expect(violations(files)).toEqual([])
})

const lines = (count: number) => 'a\n'.repeat(count)

test.each<[string, Record<string, string>]>([
  ['fleet may not know store', { 'fleet/a.ts': "import '../store/b.ts'", 'store/b.ts': '' }],
  ['fleet may not know store', { 'fleet/a.ts': "import type { B } from '../store/b.ts'", 'store/b.ts': '' }],
  [
    'adapters may not know store',
    { 'adapters/a.ts': "import type { B } from '../store/b.ts'", 'store/b.ts': '' },
  ],
  [
    'only the types of adapters',
    { 'actions/a.ts': "import { b } from '../adapters/b.ts'", 'adapters/b.ts': '' },
  ],
  ['only the types of adapters', { 'actions/a.ts': "await import('../adapters/b.ts')", 'adapters/b.ts': '' }],
  [
    'only the types of adapters',
    { 'actions/a.ts': "export { b } from '../adapters/b.ts'", 'adapters/b.ts': '' },
  ],
  [
    'only the types of adapters',
    { 'actions/a.ts': "import { type B } from '../adapters/b.ts'", 'adapters/b.ts': '' },
  ],
  [
    'only the types of adapters',
    { 'store/a.ts': "import { b } from '../adapters/b.ts'", 'adapters/b.ts': '' },
  ],
  ['only the types of actions', { 'cli/a.ts': "import { b } from '../actions/b.ts'", 'actions/b.ts': '' }],
  ['bin may not know adapters', { 'bin/a.ts': "import { b } from '../adapters/b.ts'", 'adapters/b.ts': '' }],
  ['bin may not know fleet', { 'bin/a.ts': "import type { B } from '../fleet/b.ts'", 'fleet/b.ts': '' }],
  [
    'hub may not know actions',
    { 'hub/a.ts': "import type { B } from '../actions/b.ts'", 'actions/b.ts': '' },
  ],
  ['client may not know fleet', { 'client/a.ts': "import { b } from '../fleet/b.ts'", 'fleet/b.ts': '' }],
  [
    'dashboard may not know adapters',
    { 'dashboard/a.ts': "import type { B } from '../adapters/b.ts'", 'adapters/b.ts': '' },
  ],
  [
    'messaging may not know store',
    { 'messaging/a.ts': "import type { B } from '../store/b.ts'", 'store/b.ts': '' },
  ],
  ['in no folder of the import table', { 'extra/a.ts': "import './b.ts'", 'extra/b.ts': '' }],
  ['no file below src', { 'fleet/a.ts': "import '../../scripts/build.ts'" }],
  ['computed name', { 'cli/a.ts': 'await import(name)' }],
  ['runs without Node', { 'fleet/a.ts': "import { join } from 'node:path'" }],
  ['runs without Node', { 'messaging/a.ts': "import type { Readable } from 'node:stream'" }],
  ['which is for store', { 'adapters/a.ts': "import { DatabaseSync } from 'node:sqlite'" }],
  ['"hono", which store may not use', { 'store/a.ts': "import { Hono } from 'hono'" }],
  ['"execa", which actions may not use', { 'actions/a.ts': "import { execa } from 'execa'" }],
  ['which is for fleet/parse.ts', { 'fleet/a.ts': "import * as z from 'zod/mini'" }],
  [
    '"ssh2" is imported by adapters/a.ts and adapters/b.ts',
    { 'adapters/a.ts': "import 'ssh2'", 'adapters/b.ts': "import type { A } from 'ssh2/lib/x.js'" },
  ],
  ['holds ssh2 and execa', { 'adapters/a.ts': "import 'ssh2'\nawait import('execa')" }],
  [
    'cycle: fleet/a.ts -> fleet/b.ts -> fleet/a.ts',
    { 'fleet/a.ts': "import './b.ts'", 'fleet/b.ts': "await import('./a.ts')" },
  ],
  ['asks for the time (Date.now)', { 'actions/a.ts': 'const a = Date.now()' }],
  ['asks for the time (new Date())', { 'adapters/a.ts': 'const a = new Date()' }],
  ['asks for the time (new Date())', { 'adapters/a.ts': 'const a = new Date\nconst b = 1' }],
  ['arms a timer', { 'cli/a.ts': 'setTimeout(() => {}, 1)' }],
  ['imports timers', { 'store/a.ts': "import { scheduler as sleep } from 'node:timers/promises'" }],
  ['draws a random number', { 'adapters/a.ts': 'Math.random()' }],
  ['draws a random number', { 'store/a.ts': "import { randomUUID } from 'node:crypto'" }],
  ['default export', { 'fleet/a.ts': 'export default 1' }],
  [
    'imports fleet/parse.ts lazily',
    { 'cli/a.ts': "await import('../fleet/parse.ts')", 'fleet/parse.ts': '' },
  ],
  ['by require', { 'adapters/a.ts': "const a = require('x')" }],
  ['ends the process', { 'actions/a.ts': 'process.exit(1)' }],
  ['251 lines, at most 250', { 'fleet/a.ts': lines(251) }],
  ['41 lines, at most 40', { 'bin/a.ts': `  options: {\n${lines(20)}  },\n${lines(41)}` }],
  ['a name that says nothing', { 'fleet/peer-utils.ts': '' }],
])('the rules find: %s', (sentence, tree) => {
  expect(violations(new Map(Object.entries(tree)))).toEqual([expect.stringContaining(sentence)])
})

test('the rules allow what the table allows', () => {
  const tree = {
    'fleet/parse.ts': "import * as z from 'zod/mini'\nimport type { A } from './a.ts'",
    'fleet/a.ts': "import './parse.ts'\nnew Date(0)\n// Date.now, setTimeout()\n'Math.random'",
    'store/a.ts': "import { DatabaseSync } from 'node:sqlite'\nimport type { A } from '../adapters/clock.ts'",
    'adapters/clock.ts': 'new Date()\nDate.now()\nsetTimeout(a, 1)',
    'adapters/ids.ts': "import { randomUUID } from 'node:crypto'",
    'adapters/version.ts': "import manifest from '../../package.json' with { type: 'json' }",
    'adapters/ssh.ts':
      "import ssh2 from 'ssh2'\nimport type { Client } from 'ssh2/lib/client.js'\nsetTimeout(a, 1)",
    'actions/a.ts':
      "import { a } from '../fleet/a.ts'\nimport type { B } from '../store/a.ts'\ntype C = import('../adapters/ssh.ts').C",
    'cli/a.ts':
      "const a = await import('../adapters/ssh.ts')\nimport type { B } from '../actions/a.ts'\nprocess.argv",
    'bin/a.ts': "import '../cli/a.ts'\nimport '../actions/a.ts'",
  }

  expect(violations(new Map(Object.entries(tree)))).toEqual([])
})

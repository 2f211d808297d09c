// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are samples of source text
import { expect, test } from 'vitest'
import { bare, importsOf } from '../support/imports.ts'

const runs = (from: string) => ({ from, runs: true })
const onlyTypes = (from: string) => ({ from, runs: false })

test.each([
  ["import { a } from './a.ts'", [runs('./a.ts')]],
  ['import a, { b as c } from "./a.ts"', [runs('./a.ts')]],
  ["import * as z from 'zod/mini'", [runs('zod/mini')]],
  ["import './a.ts'", [runs('./a.ts')]],
  ["import {\n  a, // from './no.ts'\n  type B,\n} from './a.ts'", [runs('./a.ts')]],
  ["import type { A } from './a.ts'", [onlyTypes('./a.ts')]],
  ["import type A from './a.ts'", [onlyTypes('./a.ts')]],
  ["import type * as A from './a.ts'", [onlyTypes('./a.ts')]],
  ["import type from './a.ts'", [runs('./a.ts')]],
  ["import { type A } from './a.ts'", [runs('./a.ts')]],
  ["import data from './a.json' with { type: 'json' }", [runs('./a.json')]],
  ["export { a } from './a.ts'\nexport * from './b.ts'", [runs('./a.ts'), runs('./b.ts')]],
  ["export type { A } from './a.ts'", [onlyTypes('./a.ts')]],
  ["export const from = 'x'; const y = './no.ts'", []],
  ["export type A = 'a' | 'b'\nexport const b = ['./no.ts']", []],
  ["export function f(from: string) { return from }\n'./no.ts'", []],
  ["const { a } = await import('./a.ts')", [runs('./a.ts')]],
  ["void import('./a.ts').then(a => a.b())", [runs('./a.ts')]],
  ["const a = (await import('./a.ts')).b", [runs('./a.ts')]],
  ["type A = import('./a.ts').A", [onlyTypes('./a.ts')]],
  ["type A = typeof import('./a.ts')", [onlyTypes('./a.ts')]],
  ['await import(name)', [runs('(computed)')]],
  ['await import(`./a-${b}.ts`)', [runs('(computed)')]],
  ['import.meta.dirname', []],
  ["// import './no.ts'\n/* import './no.ts' */ import './a.ts'", [runs('./a.ts')]],
  ['const a = "import \'./no.ts\'"', []],
  ["const a = `import './no.ts' ${b(`${'}'}`)} import './no.ts'`; import './a.ts'", [runs('./a.ts')]],
  ["const a = `${await import('./a.ts')}`", [runs('./a.ts')]],
  ["const a = /[/'\"]'/.test(b); import './a.ts'", [runs('./a.ts')]],
  ["const a = b / c; import './a.ts'; const d = e / f", [runs('./a.ts')]],
  ["const a = 'it\\'s'; import './a.ts'", [runs('./a.ts')]],
])('importsOf() reads %s', (source, expected) => {
  expect(importsOf(source)).toEqual(expected)
})

test('bare() leaves code, and nothing that only looks like it', () => {
  const { code, strings } = bare(
    "call('Date.now') // Date.now\n/* Date.now */ Date.now(`Date.now ${now}`, /Date.now/)",
  )

  expect(code.match(/Date\.now/g)).toHaveLength(1)
  expect(code).toContain('now')
  expect(strings).toContain('Date.now')
})

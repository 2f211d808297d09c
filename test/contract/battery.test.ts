import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasBattery, namesBattery } from '../../src/adapters/battery.ts'
import { temporaryFolder } from '../support/program.ts'

type Supply = Readonly<Record<string, string>>

test.each<{ what: string; supplies: Readonly<Record<string, Supply>>; expected: boolean }>([
  { what: 'nothing', supplies: {}, expected: false },
  { what: 'a charger', supplies: { AC: { type: 'Mains' } }, expected: false },
  { what: 'a laptop', supplies: { AC: { type: 'Mains' }, BAT0: { type: 'Battery' } }, expected: true },
  { what: 'a scope of its own', supplies: { BAT0: { type: 'Battery', scope: 'System' } }, expected: true },
  { what: 'a mouse', supplies: { hidpp_0: { type: 'Battery', scope: 'Device' } }, expected: false },
  { what: 'an empty supply', supplies: { odd: {} }, expected: false },
])('hasBattery() with $what: $expected', async ({ supplies, expected }) => {
  await using folder = await temporaryFolder()
  for (const [name, facts] of Object.entries(supplies)) {
    await mkdir(join(folder.path, name))
    for (const [file, text] of Object.entries(facts))
      await writeFile(join(folder.path, name, file), `${text}\n`)
  }

  expect(await hasBattery(folder.path)).toBe(expected)
})

test('hasBattery() is false where Linux shows no supplies at all', async () => {
  expect(await hasBattery('/nonexistent')).toBe(false)
})

test.each([
  ["Now drawing from 'AC Power'\n -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 remaining\n", true],
  ["Now drawing from 'AC Power'\n", false],
  ["Now drawing from 'UPS Power'\n -APC Back-UPS 650 (id=1)\t100%; discharging\n", false],
])('namesBattery() reads %j as %s', (pmset, expected) => {
  expect(namesBattery(pmset)).toBe(expected)
})

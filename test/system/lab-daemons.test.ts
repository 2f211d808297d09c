import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually, openLab } from '../support/lab/lab.ts'

test('avahi finds, resolves and forgets what avahi on another machine announces', async () => {
  await using lab = await openLab({ machines: 2 })
  const [a, b] = [lab.machine(1), lab.machine(2)]
  await Promise.all([a.startAvahi(), b.startAvahi()])
  const txt = ['gateway=alpha', 'name=Büro; "oben"', 'lead=1']

  const announced = await a.publishWithAvahi({ name: 'Office. 1', type: '_openclaw._tcp', port: 22, txt })
  const find = async () =>
    (await b.browseWithAvahi('_openclaw._tcp')).find(({ protocol }) => protocol === 'IPv4')
  const found = await eventually('it is resolved', find, { timeoutMs: 30_000 })

  expect({ ...found, txt: found.txt.toSorted() }).toEqual({
    ...{ protocol: 'IPv4', name: 'Office. 1', host: 'm1.local', address: a.ip, port: 22 },
    txt: txt.toSorted(),
  })
  await announced.stop()
  const isGone = async () => (await b.browseWithAvahi('_openclaw._tcp')).length === 0
  await eventually('it is gone', isGone, { timeoutMs: 30_000 })
})

test('cron runs a line of crontab on its machine, in its home, with the environment cron gives', async () => {
  await using lab = await openLab({ machines: 2 })
  const [a, b] = [lab.machine(1), lab.machine(2)]
  await Promise.all([a.startCron(), b.startCron()])

  await a.must(['crontab', '-'], { input: '* * * * * (pwd; hostname; env) > ran.tmp; mv ran.tmp ran\n' })
  await eventually('cron has run', () => existsSync(join(a.home, 'ran')), {
    timeoutMs: 130_000,
    everyMs: 250,
  })

  const ran = await a.must(['cat', 'ran'])
  expect(ran.split('\n').slice(0, 2)).toEqual([a.home, 'm1'])
  expect(ran).toMatch(/^HOME=.*\/m1\/home$/m)
  expect(ran).toMatch(/^PATH=\/usr\/bin:\/bin$/m)
  expect(existsSync(join(b.home, 'ran'))).toBe(false)
})

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, type Machine, openLab } from '../support/lab/lab.ts'
import { timeUntil, watchWithAvahi } from '../support/mdns-lab.ts'

const TIMER = join(import.meta.dirname, '..', 'support', 'mdns-timer.ts')
const COUNT = 50
const isLong = process.env.CLAW_TEST_LONG === '1'

/** In groups: fifty message buses that start at once time out on two cores. */
async function publishAll(machines: readonly Machine[]): Promise<void> {
  for (let from = 0; from < machines.length; from += 5) {
    await Promise.all(machines.slice(from, from + 5).map(publish))
  }
}

async function publish(machine: Machine): Promise<void> {
  const { hostName } = machine
  await machine.startAvahi()
  const txt = [`gateway=${hostName}`, `name=${hostName}`, `lead=${hostName.slice(1)}`, 'version=1.4']
  await machine.publishWithAvahi({ name: hostName, type: '_openclaw._tcp', port: 22, txt })
}

/** Milliseconds until avahi-browse, with a daemon that knows nothing yet, has printed the last of them. */
async function lastOfAvahi(machine: Machine): Promise<number> {
  await machine.must(['rm', '-f', '/run/dbus/system_bus_socket'])
  const avahi = await machine.startAvahi()
  const watch = await watchWithAvahi(machine, '-r')
  const resolved = () => new Set(watch.stdout().match(/^=;eth0;IPv4;m\d+;/gm)).size
  const lastMs = await timeUntil('avahi has found them all', () => resolved() === COUNT, 20_000)
  await watch.stop()
  await avahi.stop()
  return lastMs
}

const lastOfOurs = async (machine: Machine): Promise<{ readonly found: number; readonly lastMs: number }> =>
  JSON.parse(await machine.must([process.execPath, TIMER, '3500']))

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

describe(`${COUNT} machines that announce`, () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ machines: COUNT + 1, knowsHosts: false })
    await publishAll(lab.machines.slice(0, COUNT))
  }, 300_000)
  afterAll(() => lab[Symbol.asyncDispose]())

  test('are all found, every time, as soon as avahi finds them', { timeout: 300_000 }, async () => {
    const browser = lab.machine(COUNT + 1)
    const rounds: { found: number; oursMs: number; avahiMs: number }[] = []

    for (let round = 0; round < (isLong ? 10 : 2); round += 1) {
      // What was said to everybody is not said again within a second (RFC 6762 section 6).
      await new Promise(resolve => setTimeout(resolve, round === 0 ? 5_000 : 1_500))
      const { found, lastMs } = await lastOfOurs(browser)
      rounds.push({ found, oursMs: lastMs, avahiMs: await lastOfAvahi(browser) })
    }

    const ratio = median(rounds.map(({ oursMs, avahiMs }) => oursMs / avahiMs))
    for (const { found, oursMs, avahiMs } of rounds) {
      process.stdout.write(`${found} found, the last after ${oursMs} ms; avahi ${Math.round(avahiMs)} ms\n`)
    }
    process.stdout.write(`median ratio ${ratio.toFixed(2)}\n`)
    expect(rounds.map(({ found }) => found)).toEqual(rounds.map(() => COUNT))
    if (isLong) expect(ratio).toBeLessThanOrEqual(1.25)
  })
})

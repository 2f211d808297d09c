import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { enrolAll, eventsOf, setUpAll } from '../support/clan.ts'
import { type Machine, openLab } from '../support/lab/lab.ts'
import { discoverFrom, registered } from '../support/mdns-lab.ts'

const peerFile = (machine: Machine, id: string) => join(machine.clanHome, 'peers', `${id}.json`)
const peer = async (machine: Machine, id: string) => JSON.parse(await readFile(peerFile(machine, id), 'utf8'))
/** Differs when the file was written, even with the same content. */
const written = async (machine: Machine, id: string) => {
  const { ino, mtimeMs } = await stat(peerFile(machine, id))
  return `${ino} ${mtimeMs}`
}

describe('claw-discover', () => {
  test('ends a second after the last enrolled peer answered; a silent one costs all of 5 s and is marked', async () => {
    await using lab = await openLab({ machines: 3 })
    const [alpha, beta, gamma] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll(lab.machines)
    await enrolAll(lab.machines)
    const [register] = [await registered(beta), await registered(gamma)]

    const first = await discoverFrom(alpha)
    const marked = await peer(alpha, 'm2')
    const before = await written(alpha, 'm2')
    const second = await discoverFrom(alpha)
    const after = await written(alpha, 'm2')
    await register.stop()
    const third = await discoverFrom(alpha)
    const exact = await discoverFrom(alpha, '2')

    for (const { durationMs, found } of [first, second]) {
      expect(found.map(({ gatewayId, known }) => `${gatewayId} ${known}`)).toEqual([
        'm2 enrolled',
        'm3 enrolled',
      ])
      expect(durationMs).toBeGreaterThanOrEqual(1_000)
      expect(durationMs).toBeLessThan(3_500)
    }
    process.stdout.write(`ended after ${first.durationMs} and ${second.durationMs} ms\n`)
    expect(marked.mdnsBroadcasting).toBe(true)
    expect(after).toBe(before)
    expect(third.durationMs).toBeGreaterThanOrEqual(5_000)
    expect(third.found.map(({ gatewayId }) => gatewayId)).toEqual(['m3'])
    expect((await peer(alpha, 'm2')).mdnsBroadcasting).toBe(false)
    expect(exact.durationMs).toBeGreaterThanOrEqual(2_000)
    expect(exact.durationMs).toBeLessThan(3_500)
  })

  test('follows a peer to another address only after its proof', async () => {
    await using lab = await openLab({ machines: 3 })
    const [alpha, beta, impostor] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll(lab.machines)
    await enrolAll([alpha, beta])
    await impostor.claw('setup', ['--yes', '--gateway-id', 'm2', '--lead', '1'])
    const claim = await registered(impostor)

    const deceived = await discoverFrom(alpha, '2')
    const unmoved = await peer(alpha, 'm2')
    await claim.stop()
    await beta.changeAddress('10.77.9.9')
    await registered(beta)
    const moved = await discoverFrom(alpha, '3')

    expect(deceived.found).toEqual([
      expect.objectContaining({ gatewayId: 'm2', ip: impostor.ip, known: 'conflict' }),
    ])
    expect(unmoved).toMatchObject({ ip: '10.77.1.2', leadNumber: 2, mdnsBroadcasting: false })
    expect(moved.found).toEqual([
      expect.objectContaining({ gatewayId: 'm2', ip: '10.77.9.9', known: 'enrolled' }),
    ])
    expect(await peer(alpha, 'm2')).toMatchObject({ ip: '10.77.9.9', leadNumber: 2, mdnsBroadcasting: true })
    expect((await eventsOf(alpha)).filter(({ event }) => event === 'address_changed')).toMatchObject([
      { gatewayId: 'm2', data: { from: '10.77.1.2', to: '10.77.9.9' } },
    ])
  })
})

import { describe, expect, test } from 'vitest'
import { openGate } from '../../../src/adapters/mdns-gate.ts'
import { quietly } from '../../../src/adapters/mdns-notice.ts'
import { testClock } from '../../support/test-clock.ts'

const LIMITS = { perSecond: 200, burst: 1000, perSourcePerSecond: 20, perSourceBurst: 100 }

function worldOf({ unmetered = [] as string[], expected = [] as string[] } = {}) {
  const clock = testClock()
  const gate = openGate(
    LIMITS,
    { unmetered: new Set(unmetered), expected: new Set(expected) },
    clock.monotonicMs,
  )
  const admitted = (count: number, source: (at: number) => string, bytes = 300) =>
    Array.from({ length: count }, (_, at) => gate.admits(source(at), bytes)).filter(Boolean).length
  return { clock, gate, admitted }
}

describe('the gate', () => {
  test('lets fifty machines answer at once, with five packets each', () => {
    const { gate, admitted } = worldOf()

    expect(admitted(250, at => `10.0.0.${at % 50}`)).toBe(250)
    expect(gate.takeFlood()).toBeUndefined()
  })

  test('gives one source its share and names it', async () => {
    const { clock, gate, admitted } = worldOf()

    const atOnce = admitted(10_000, () => '10.0.0.66')
    await clock.advance(1000)
    const laterOn = admitted(10_000, () => '10.0.0.66')

    expect([atOnce, laterOn]).toEqual([100, 20])
    expect(gate.takeFlood()).toEqual({ sourceIp: '10.0.0.66', dropped: 19_880, droppedInTotal: 19_880 })
    expect(gate.takeFlood()).toBeUndefined()
  })

  test('lets others through while one floods', () => {
    const { admitted } = worldOf()

    admitted(10_000, () => '10.0.0.66')

    expect(admitted(250, at => `10.0.0.${at % 50}`)).toBe(250)
  })

  test('bounds what thousands of made-up sources send together to 200 a second', async () => {
    const { clock, admitted } = worldOf()
    const anySource = (at: number) =>
      `10.${Math.floor(at / 62_500)}.${Math.floor(at / 250) % 250}.${at % 250}`

    const atOnce = admitted(50_000, anySource)
    await clock.advance(1000)

    expect([atOnce, admitted(50_000, anySource)]).toEqual([1000, 200])
  })

  test('still hears enrolled peers then', () => {
    const { admitted } = worldOf({ expected: ['10.0.0.2'] })
    admitted(50_000, at => `10.1.${Math.floor(at / 250) % 250}.${at % 250}`)

    expect(admitted(10, () => '10.0.0.2')).toBe(10)
  })

  test('bounds our own addresses together, not each', () => {
    expect(worldOf({ unmetered: ['127.0.0.1'] }).admitted(10_000, () => '127.0.0.1')).toBe(1000)
  })

  test('counts large packets as many and refuses what no mDNS packet is', () => {
    const { admitted } = worldOf()

    expect(admitted(100, () => '10.0.0.2', 9001)).toBe(0)
    expect(admitted(100, () => '10.0.0.2', 9000)).toBe(16)
  })
})

describe('quietly()', () => {
  test('shows one line of a kind a minute and counts the others', async () => {
    const clock = testClock()
    const lines: string[] = []
    const notice = quietly(line => lines.push(line), clock.monotonicMs)

    for (const text of ['a', 'b', 'c']) notice('flood', text)
    notice('conflict', 'x')
    await clock.advance(60_000)
    notice('flood', 'd')

    expect(lines).toEqual(['a', 'x', 'd (2 more like this in between)'])
  })
})

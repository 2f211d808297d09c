import { expect, test } from 'vitest'
import { scheduleShift } from '../../../src/fleet/shift.ts'
import { id } from '../../support/builders.ts'

test('a machine keeps its place whatever the case of its id', () => {
  expect(scheduleShift(id('Studio'), 15)).toEqual(scheduleShift(id('studio'), 15))
})

test('50 machines named alike spread over seconds and minutes: nowhere do more than 5 fall on one second', () => {
  const shifts = Array.from({ length: 50 }, (_, i) => scheduleShift(id(`m${i + 1}`), 15))
  const perSecond = Map.groupBy(shifts, shift => shift.second)

  expect(Math.max(...[...perSecond.values()].map(list => list.length))).toBeLessThanOrEqual(5)
  expect(new Set(shifts.map(shift => shift.minute)).size).toBeGreaterThanOrEqual(12)
  expect(shifts.every(({ minute, second }) => minute >= 0 && minute < 15 && second >= 0 && second < 60)).toBe(
    true,
  )
})

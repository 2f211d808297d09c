import { describe, expect, test } from 'vitest'
import { cronInterval, cronTimes, nextMinutes } from '../../../src/fleet/cron-times.ts'

/** Every minute of a day at which one of the lines fires, as cron reads them. */
function firings(lines: readonly string[]): readonly number[] {
  const numbers = (field = '', all = 0) =>
    field === '*' ? Array.from({ length: all }, (_, n) => n) : field.split(',').map(Number)
  return lines
    .flatMap(line => {
      const [minutes, hours] = line.split(' ')
      return numbers(hours, 24).flatMap(hour => numbers(minutes, 60).map(minute => hour * 60 + minute))
    })
    .toSorted((a, b) => a - b)
}

test.each([
  [15, 7, ['7,22,37,52 * * * *']],
  [1, 0, ['* * * * *']],
  [60, 59, ['59 * * * *']],
  [
    45,
    10,
    ['10,55 0,3,6,9,12,15,18,21 * * *', '40 1,4,7,10,13,16,19,22 * * *', '25 2,5,8,11,14,17,20,23 * * *'],
  ],
  [90, 70, ['10 1,4,7,10,13,16,19,22 * * *', '40 2,5,8,11,14,17,20,23 * * *']],
  [1440, 725, ['5 12 * * *']],
])('every %i minutes from minute %i of the day', (interval, minute, times) => {
  expect(cronTimes(interval, () => minute)).toEqual({ everyMinutes: interval, times })
})

test.each([
  [7, 6],
  [25, 24],
  [59, 48],
  [61, 60],
  [100, 96],
  [1439, 720],
])('every %i minutes becomes every %i: cron can keep no longer one that is not above it', (wanted, kept) => {
  expect(cronInterval(wanted)).toBe(kept)
})

describe('for every interval and every minute to begin with', () => {
  test('the firings of a day are exactly one interval apart, over midnight too', () => {
    for (let wanted = 1; wanted <= 1440; wanted++) {
      for (const share of [0, 0.37, 0.999]) {
        const { everyMinutes, times } = cronTimes(wanted, every => Math.floor(every * share))

        const minutes = firings(times)
        const gaps = minutes.map((minute, n) => (minutes[n + 1] ?? (minutes[0] ?? 0) + 1440) - minute)
        expect(new Set(gaps)).toEqual(new Set([everyMinutes]))
        expect(minutes[0]).toBe(Math.floor(everyMinutes * share))
        expect(times.length).toBeLessThanOrEqual(15)
        expect(everyMinutes).toBeLessThanOrEqual(wanted)
      }
    }
  })
})

test('nextMinutes() goes on in the next hour', () => {
  expect(nextMinutes(new Date(2026, 10, 20, 12, 58, 30), 3)).toBe('59,0,1 * * * *')
})

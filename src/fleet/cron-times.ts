/** When cron starts something, in the five fields of a crontab line; several lines where one cannot say it. */
export type CronTimes = {
  /** What cron can keep to: the wanted interval, or the next shorter one that divides a day. */
  readonly everyMinutes: number
  readonly times: readonly string[]
}

const DAY = 24 * 60

/** The interval cron really keeps: the longest one, not above the wanted one, that fits evenly into a day. */
export function cronInterval(wantedMinutes: number): number {
  let minutes = Math.min(wantedMinutes, DAY)
  while (DAY % minutes !== 0) minutes--
  return minutes
}

/**
 * The times of day at which something starts every so many minutes.
 *
 * Crontab fields know hours and minutes, not intervals: a step of 25 minutes fires at :00, :25, :50 and again at
 * :00. So all times of a day are listed, hours with the same minutes on one line. No interval needs more than 15 lines.
 *
 * @param wantedMinutes  1..1440
 * @param minute  of the first start of a day, below the interval
 */
export function cronTimes(wantedMinutes: number, minute: (everyMinutes: number) => number): CronTimes {
  const everyMinutes = cronInterval(wantedMinutes)
  const first = minute(everyMinutes)
  const starts = Array.from({ length: DAY / everyMinutes }, (_, n) => first + n * everyMinutes)
  const hours = [...Map.groupBy(starts, start => Math.floor(start / 60))].map(([hour, times]) => ({
    hour,
    minutes: times.map(time => time % 60),
  }))
  const lines = Map.groupBy(hours, ({ minutes }) => list(minutes, 60))
  return {
    everyMinutes,
    times: [...lines].map(([minutes, same]) => {
      const which = list(
        same.map(({ hour }) => hour),
        24,
      )
      return `${minutes} ${which} * * *`
    }),
  }
}

/** The few minutes of the hour that come next: something to start once, soon. */
export const nextMinutes = (now: Date, count: number): string =>
  `${Array.from({ length: count }, (_, n) => (now.getMinutes() + 1 + n) % 60).join(',')} * * * *`

const list = (numbers: readonly number[], all: number): string =>
  numbers.length === all ? '*' : numbers.join(',')

import { expect, test } from 'vitest'
import { cronCommand } from '../../../src/fleet/cron-command.ts'

const command = (logs: string, ...argv: string[]) => cronCommand({ argv, logs, log: 'ping.log' })
const SCRIPT = `/bin/sh -c 'umask 077; mkdir -p "$0"; exec "$@" >>"$0"/ping.log 2>&1'`

test('plain paths stand as they are', () => {
  expect(command('/h/logs', '/h/bin/claw-ping', '--scheduled')).toBe(
    `${SCRIPT} /h/logs /h/bin/claw-ping --scheduled`,
  )
})

test.each([
  ['/My Mac/x', "'/My Mac/x'"],
  ["/o'neil/x", "'/o'\\''neil/x'"],
  ['/100%/x', '/100\\%/x'],
  ['/$(id)/`id`/x', "'/$(id)/`id`/x'"],
  ['/a\\b/x', "'/a\\b/x'"],
  ['/a\\\\b/x', "'/a\\''\\b/x'"],
  ['/a\\%b/x', "'/a\\''\\%b/x'"],
  ['/f\u00fc/x', "'/f\xc3\xbc/x'"],
])('%s becomes %s', (path, word) => {
  expect(command('/h/logs', path)).toBe(`${SCRIPT} /h/logs ${word}`)
})

test('a line break in a path is said by "%", on stdin of a shell', () => {
  expect(command('/h/logs', '/a\nb%/x')).toBe(`/bin/sh%${SCRIPT} /h/logs '/a%b\\%/x'`)
})

test('a NUL is refused', () => {
  expect(() => command('/h/logs', '/a\0b')).toThrow(/NUL/)
})

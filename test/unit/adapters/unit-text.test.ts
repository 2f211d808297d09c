import { describe, expect, test } from 'vitest'
import { serviceText, timerText, type UserService } from '../../../src/adapters/unit-text.ts'

const aService = (facts: Partial<UserService> = {}): UserService => ({
  name: 'claw-clan-mdns',
  description: 'claw-clan: keep this machine announced',
  argv: ['/home/a/.openclaw/claw-clan/bin/claw-register', 'run', '--home', '/home/a b'],
  stdoutLog: '/home/a/logs/out.log',
  stderrLog: '/home/a/logs/err.log',
  when: { kind: 'always', restartSeconds: 15 },
  ...facts,
})

const execStart = (argv: readonly string[]) => /^ExecStart=(.*)$/m.exec(serviceText(aService({ argv })))?.[1]

describe('serviceText()', () => {
  test('is a unit that starts at boot and after every end', () => {
    expect(serviceText(aService({ env: { A: 'b c' } }))).toBe(`[Unit]
Description=claw-clan: keep this machine announced
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart="/home/a/.openclaw/claw-clan/bin/claw-register" "run" "--home" "/home/a b"
Environment="A=b c"
Restart=always
RestartSec=15
UMask=0077
StandardOutput=append:/home/a/logs/out.log
StandardError=append:/home/a/logs/err.log

[Install]
WantedBy=default.target
`)
  })

  test('of what a timer starts is enabled by nobody and runs once', () => {
    const text = serviceText(aService({ when: { kind: 'on-demand' } }))

    expect(text).toContain('Type=oneshot\n')
    expect(text).not.toMatch(/Restart|\[Install\]/)
  })

  test.each([
    ['specifiers', ['/bin/x', '%h'], '"/bin/x" "%%h"'],
    ['variables', ['/bin/x', '$A $'], '"/bin/x" "$$A $$"'],
    ['escapes', ['/bin/x', '\\n"'], '"/bin/x" "\\\\n\\""'],
    ['a path with a space and a percent sign', ['/a b/%x'], '"/a b/%%x"'],
    [
      'a path that systemd refuses',
      ['/a"$b', 'c'],
      String.raw`"/bin/sh" "-c" "exec \"$$0\" \"$$@\"" "/a\"$$b" "c"`,
    ],
  ])('says %s as data', (_, argv, line) => {
    expect(execStart(argv)).toBe(line)
  })

  test.each<[string, Partial<UserService>]>([
    ['a line feed in a word', { argv: ['/bin/x', 'a\nExecStartPre=/bin/y'] }],
    ['a carriage return in a word', { argv: ['/bin/x', 'a\rb'] }],
    ['no program', { argv: [] }],
    ['a relative program', { argv: ['x'] }],
    ['a log that would join the next line', { stderrLog: '/a\\' }],
    ['a log whose end is lost', { stderrLog: '/a ' }],
    ['a description of two lines', { description: 'a\nb' }],
    ['a name that is a path', { name: '../x' }],
    ['a variable name that is none', { env: { 'A B': '' } }],
  ])('refuses %s', (_, facts) => {
    expect(() => serviceText(aService(facts))).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })
})

test('timerText() is a unit that makes up for what was missed', () => {
  const timer = {
    name: 'claw-clan-ping',
    description: '100 %',
    onCalendar: ['*-*-* *:03/15:27', 'daily'],
    persistent: true,
  }

  expect(timerText(timer)).toBe(`[Unit]
Description=100 %%

[Timer]
OnCalendar=*-*-* *:03/15:27
OnCalendar=daily
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
`)
  expect(() => timerText({ ...timer, onCalendar: ['daily\nUnit=x'] })).toThrow(/calendar/)
})

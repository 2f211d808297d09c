import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { serviceText, timerText } from '../../src/adapters/unit-text.ts'
import { isSafeText } from '../../src/fleet/text.ts'
import { HOSTILE_WORDS } from '../support/hostile-words.ts'
import { eventually, type Machine, openLab } from '../support/lab/lab.ts'
import { startUserSystemd } from '../support/lab/user-systemd.ts'

/** A program that writes its arguments, each ended by a NUL, and its environment beside itself. */
const PROGRAM = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
env -0 > env
printf '%s\\0' "$0" "$@" > argv.new
mv argv.new argv
`

const WORDS = process.env.CLAW_TEST_LONG === '1' ? 20_000 : 1_000

async function runUnit(machine: Machine, name: string, text: string): Promise<void> {
  const folder = join(machine.home, '.config', 'systemd', 'user')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), text)
  const env = { HOME: machine.home, PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: '/run/user/0' }
  await machine.must(['systemctl', '--user', 'daemon-reload'], { env })
  await machine.must(['systemctl', '--user', 'start', name], { env })
}

test('systemd gives a program the very words, variables and log files that its unit was made of', async () => {
  await using lab = await openLab({ machines: 1 })
  const machine = lab.machine(1)
  await using _systemd = await startUserSystemd(machine)
  const folders = ['plain', ...HOSTILE_WORDS.filter(word => !word.includes('/') && word.trim() !== '')]
  const word = fc.string({ unit: 'grapheme' }).filter(text => isSafeText(text) && !text.includes('\n'))
  const random = fc.sample(word, WORDS)

  for (const [at, name] of folders.entries()) {
    const folder = join(machine.home, name)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'program'), PROGRAM, { mode: 0o755 })
    const argv = [join(folder, 'program'), ...HOSTILE_WORDS, ...random.slice(0, at === 0 ? WORDS : 5)]
    const env = { HOSTILE: HOSTILE_WORDS.join(' ') }
    const text = serviceText({
      name: 'claw-test',
      description: `50 % of "$HOME"`,
      argv,
      env,
      stdoutLog: join(folder, `${name}.log`),
      stderrLog: join(folder, 'err.log'),
      when: { kind: 'on-demand' },
    })

    await runUnit(machine, `claw-test-${at}.service`, text)

    expect(readFileSync(join(folder, 'argv'), 'utf8').split('\0').slice(0, -1)).toEqual(argv)
    expect(readFileSync(join(folder, 'env'), 'utf8').split('\0')).toContain(`HOSTILE=${env.HOSTILE}`)
    expect(existsSync(join(folder, `${name}.log`))).toBe(true)
  }
})

test('a timer starts its service again and again', async () => {
  await using lab = await openLab({ machines: 1 })
  const machine = lab.machine(1)
  await using _systemd = await startUserSystemd(machine)
  const log = join(machine.home, 'out.log')
  const service = serviceText({
    name: 'claw-test',
    description: 'x',
    argv: ['/bin/echo', 'again'],
    stdoutLog: log,
    stderrLog: log,
    when: { kind: 'on-demand' },
  })
  await runUnit(machine, 'claw-test.service', service)

  const timer = { name: 'claw-test', description: 'x', onCalendar: ['*-*-* *:*:00/2'], persistent: true }
  await runUnit(machine, 'claw-test.timer', timerText(timer))

  await eventually('it ran by the timer twice', () => readFileSync(log, 'utf8').split('\n').length > 3, {
    timeoutMs: 20_000,
  })
})

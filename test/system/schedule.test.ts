import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cronCommand } from '../../src/fleet/cron-command.ts'
import { withoutEntries } from '../../src/fleet/schedule.ts'
import { id } from '../support/builders.ts'
import { OWNER } from '../support/cron-entries.ts'
import { eventually, type Machine, openLab } from '../support/lab/lab.ts'
import { startUserSystemd } from '../support/lab/user-systemd.ts'

const NASTY = `My "clan" 100% $(touch injected) it's \`x\` \\\\ \\% ;&|<>* \u00fc\nend\\`
const SPOOL = '/var/spool/cron/crontabs/root'
const ROOT = join(import.meta.dirname, '..', '..')
const EDITOR = join(ROOT, 'test', 'support', 'edit-crontab.ts')

async function setSetting(home: string, settings: object): Promise<void> {
  const file = join(home, 'config.json')
  const content = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...content, ...settings }))
}

/** The crontab as cron reads it, without the header that crontab puts first. */
const installed = async (machine: Machine): Promise<string> =>
  (await readFile(machine.inside(SPOOL), 'latin1')).replace(/^(# .*\n){3}/, '')

async function install(machine: Machine, text: string): Promise<void> {
  await machine.must(['crontab', '-'], { input: Buffer.from(text, 'latin1') })
}

async function scheduled(machine: Machine, home: string, ...flags: string[]) {
  const argv = ['schedule', '--json', '--home', home, ...flags]
  const { code, stdout, stderr } = await machine.claw('setup', argv, { timeoutMs: 170_000 })
  return { code, stderr, document: stdout === '' ? undefined : JSON.parse(stdout) }
}

async function setUp(machine: Machine, home: string, name: string): Promise<void> {
  await machine.must(
    [process.execPath, join(ROOT, 'src', 'bin', 'setup.ts'), '--yes', '--gateway-id', name, '--home', home],
    { env: { HOME: machine.home } },
  )
}

describe('real cron', () => {
  test('starts claw-ping from a home of any name, and any program with exactly its arguments', {
    timeout: 300_000,
  }, async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const home = join(a.home, NASTY)
    await setUp(a, home, 'alpha')
    const tools = join(a.home, `tools ${NASTY}`)
    await mkdir(tools)
    const recorder = join(tools, 'record')
    await writeFile(recorder, '#!/bin/sh\nprintf "said"; for word; do printf "%s\\0" "$word"; done >"$1"\n')
    await chmod(recorder, 0o755)
    const shells = ['/bin/sh', '/bin/dash', '/bin/bash']
    const outputs = shells.map((_, n) => join(a.home, `record-${n}`))
    const lines = shells.map((shell, n) => {
      const argv = [recorder, outputs[n] ?? '', '', NASTY, '-x', '%', '\\', "'"]
      return `SHELL=${shell}\n* * * * * ${cronCommand({ argv, logs: join(tools, 'logs'), log: 'x.log' })}\n`
    })
    const foreign =
      `# mine\r\n\xfc\x80\n${lines.join('')}SHELL=/bin/false\nPATH=/nowhere\nMAILTO=""\n`.replace(
        '\xfc\x80\n',
        '# \xfc\x80\n',
      )
    await install(a, foreign)
    await a.startCron()

    const { code, document } = await scheduled(a, home)

    expect(document).toMatchObject({ scheduler: 'cron', run: 'seen', changed: true, warnings: [] })
    expect(code).toBe(0)
    const text = await installed(a)
    expect(text).toMatch(/^# BEGIN claw-clan alpha\n.* # claw-clan alpha ping\n# END claw-clan alpha\n/)
    expect(withoutEntries(text, id('alpha'))).toBe(foreign)
    for (const output of outputs) {
      const words = await eventually('cron has run the recorder', () =>
        readFile(output, 'utf8').catch(() => undefined),
      )
      expect(words.split('\0').slice(0, -1)).toEqual([output, '', NASTY, '-x', '%', '\\', "'"])
    }
    expect(await readFile(join(tools, 'logs', 'x.log'), 'utf8')).toBe('saidsaidsaid')
    expect((await a.exec(['sh', '-c', 'ls -d "$HOME"/injected /injected'])).stdout).toBe('')

    await a.claw('setup', ['unschedule', '--home', home])
    expect(await installed(a)).toBe(foreign)
  })

  test('that does not run is told apart from one that does', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    await setUp(a, a.clanHome, 'alpha')

    const { code, document } = await scheduled(a, a.clanHome)

    expect(code).toBe(1)
    expect(document).toMatchObject({ run: 'not-seen', changed: true })
    expect(document.warnings[0]).toMatch(/cron is not running here/)
    expect((await scheduled(a, a.clanHome, '--no-wait')).code).toBe(0)
  })
})

describe('the systemd of its user', () => {
  test('takes the pings over from cron, starts them itself, and gives them back', {
    timeout: 300_000,
  }, async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const home = join(a.home, NASTY.replace('\n', ''))
    await setUp(a, home, 'alpha')
    await setSetting(home, { pingIntervalMinutes: 45 })
    await using _systemd = await startUserSystemd(a)
    const foreign = '# mine\n5 4 * * * true\n'
    await install(a, foreign)
    await scheduled(a, home, '--no-wait')

    const { code, document, stderr } = await scheduled(a, home, '--scheduler', 'systemd')

    expect(stderr).toBe('')
    expect(document).toMatchObject({ scheduler: 'systemd', run: 'seen', removed: ['cron'], everyMinutes: 45 })
    expect(document.warnings).toEqual([expect.stringMatching(/loginctl enable-linger/)])
    expect(code).toBe(0)
    expect(await installed(a)).toBe(foreign)
    const timers = ['systemctl', '--user', 'list-timers', '--all', '--no-legend']
    const env = { HOME: a.home, PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: '/run/user/0' }
    expect(await a.must(timers, { env })).toMatch(/claw-clan-ping-[0-9a-f]{8}\.timer/)
    expect((await scheduled(a, home, '--no-wait')).document).toMatchObject({
      scheduler: 'systemd',
      changed: false,
    })

    expect((await a.claw('setup', ['unschedule', '--home', home])).stdout).toBe(
      'Removed the pings from systemd\n',
    )
    expect(await a.must(timers, { env })).toBe('')
    expect((await a.exec(['ls', '.config/systemd/user'])).stdout).not.toMatch(/claw-clan-ping/)
  })
})

describe('the real crontab program', () => {
  test('eight processes at once edit different entries: every entry is right, no foreign byte changes', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const jobs = Array.from({ length: 5000 }, (_, n) => `${n % 60} 3 * * * job${n} a%b\r\n`).join('')
    const foreign = `# \xfcber\r\n# NUL \0 here\nMAILTO=""\n# END claw-clan mini\n${jobs}\n`
    await install(a, foreign)
    const names = Array.from({ length: 8 }, (_, n) => `gw${n === 0 ? 10 : n}`)

    await Promise.all(
      names.map(name =>
        a.must([process.execPath, EDITOR, 'crontab', a.home, name, '3'], { timeoutMs: 120_000 }),
      ),
    )

    const text = await installed(a)
    for (const name of names) expect(text.split(`# claw-clan mini monitor ${name}\n`)).toHaveLength(2)
    expect(withoutEntries(text, OWNER) === foreign).toBe(true)
  })

  test('four homes of one user, which share no lock, undo nothing of each other', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const foreign = '# mine\n5 4 * * * true\n'
    await install(a, foreign)
    const names = ['gw1', 'gw2', 'gw3', 'gw10']

    await Promise.all(
      names.map(name =>
        a.must([process.execPath, EDITOR, 'crontab', join(a.home, name), name, '3'], { timeoutMs: 120_000 }),
      ),
    )

    const text = await installed(a)
    for (const name of names) expect(text.split(`# claw-clan mini monitor ${name}\n`)).toHaveLength(2)
    expect(withoutEntries(text, OWNER)).toBe(foreign)
  })

  test('a crontab without a last line end is left as it is, and the owner is told', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    await setUp(a, a.clanHome, 'alpha')
    await writeFile(a.inside(SPOOL), '# a\n# b\n# c\n5 4 * * * true', { mode: 0o600 })

    const { code, document } = await scheduled(a, a.clanHome, '--no-wait')

    expect(code).toBe(1)
    expect(document.error.message).toMatch(/newline/)
    expect(document.error.hint).toMatch(/crontab -e/)
    expect(await readFile(a.inside(SPOOL), 'utf8')).toBe('# a\n# b\n# c\n5 4 * * * true')
  })

  test('the first comments of a crontab that was put there by hand stay', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    await setUp(a, a.clanHome, 'alpha')
    const foreign = '# a\n# b\n# c\n5 4 * * * true\n'
    await writeFile(a.inside(SPOOL), foreign, { mode: 0o600 })

    expect((await scheduled(a, a.clanHome, '--no-wait')).code).toBe(0)

    expect(withoutEntries(await installed(a), id('alpha'))).toBe(foreign)
  })

  test('a user in cron.deny is told so, and nothing is written', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const home = '/run/nobody'
    const etc = 'cp -a /etc /run/etc && echo nobody >/run/etc/cron.deny && mount --bind /run/etc /etc'
    await a.must(['sh', '-c', `${etc} && install -d -o nobody ${home} && touch ${SPOOL}.before`])
    const asNobody = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', process.execPath]
    const setup = [...asNobody, join(ROOT, 'src', 'bin', 'setup.ts')]
    const env = { HOME: home, CLAW_CLAN_HOME: join(home, 'clan') }
    await a.must([...setup, '--yes', '--gateway-id', 'alpha'], { env, cwd: '/' })

    const { code, stderr } = await a.exec([...setup, 'schedule'], { env, cwd: '/' })

    expect(code).toBe(1)
    expect(stderr).toMatch(/Cannot read your crontab.*nobody.*not allowed/)
    expect(stderr).toMatch(/cron\.deny/)
    expect((await a.must(['ls', '/var/spool/cron/crontabs'])).trim()).toBe('root.before')
  })
})

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AuthorizedKeysPlace, editAuthorizedKeys } from '../../src/adapters/authorized-keys.ts'
import { KEPT_BACKUPS } from '../../src/adapters/backups.ts'
import { withGrant, withoutGrant } from '../../src/fleet/authorized-keys.ts'
import { id } from '../support/builders.ts'
import { aKey } from '../support/public-keys.ts'

const at = new Date('2026-11-20T12:00:00Z')
const grant = { gatewayId: id('mini'), gate: '/gate', key: aKey('mini') }
const add = (text: string) => withGrant(text, grant)
const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8)

let folder = ''
let place: AuthorizedKeysPlace
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-keys-'))
  place = {
    file: join(folder, '.ssh', 'authorized_keys'),
    backups: join(folder, 'backups'),
    exclusively: async work => work(),
  }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const start = (text: string | Buffer) => {
  mkdirSync(join(folder, '.ssh'), { mode: 0o700 })
  writeFileSync(place.file, text, { mode: 0o600 })
}

test('where there is no .ssh yet, folder and file are made for their owner alone, whatever the umask', async () => {
  const before = process.umask(0)
  try {
    expect(await editAuthorizedKeys(place, add, at)).toBe(true)
  } finally {
    process.umask(before)
  }

  expect([modeOf(join(folder, '.ssh')), modeOf(place.file)]).toEqual(['700', '600'])
  expect(readFileSync(place.file, 'latin1')).toBe(add(''))
})

test('other bytes of the file come through unchanged, and the file before is kept', async () => {
  const foreign = Buffer.from('ssh-rsa AAAA b\xfcro\r\n# \x80\xff no final newline', 'latin1')
  start(foreign)

  await editAuthorizedKeys(place, add, at)
  const backup = join(place.backups, readdirSync(place.backups)[0] ?? '')
  expect(readFileSync(backup)).toEqual(foreign)
  expect(modeOf(backup)).toBe('600')

  await editAuthorizedKeys(place, text => withoutGrant(text, grant.gatewayId), at)
  expect(readFileSync(place.file)).toEqual(foreign)
})

test('the second time nothing is written and nothing is backed up', async () => {
  start('')
  await editAuthorizedKeys(place, add, at)
  const before = statSync(place.file)

  expect(await editAuthorizedKeys(place, add, at)).toBe(false)
  const { ino, mtimeMs, ctimeMs } = statSync(place.file)
  expect({ ino, mtimeMs, ctimeMs }).toEqual({
    ino: before.ino,
    mtimeMs: before.mtimeMs,
    ctimeMs: before.ctimeMs,
  })
  expect(readdirSync(place.backups)).toHaveLength(1)
})

test(`the last ${KEPT_BACKUPS} files before a change are kept, the newest among them, all within one millisecond`, async () => {
  start('0')
  for (let n = 1; n <= KEPT_BACKUPS + 5; n++) await editAuthorizedKeys(place, () => String(n), at)

  const kept = readdirSync(place.backups).toSorted()
  expect(kept.map(name => readFileSync(join(place.backups, name), 'utf8'))).toEqual(
    Array.from({ length: KEPT_BACKUPS }, (_, n) => String(n + 5)),
  )
})

test('what a killed run left beside the file goes with the next change; younger and foreign files stay', async () => {
  start('')
  const names = [
    `authorized_keys.${'a'.repeat(16)}.tmp`,
    `authorized_keys.${'b'.repeat(16)}.tmp`,
    'authorized_keys.my.tmp',
  ]
  for (const name of names) writeFileSync(join(folder, '.ssh', name), 'x')
  for (const name of names.slice(1)) utimesSync(join(folder, '.ssh', name), 0, 0)

  await editAuthorizedKeys(place, add, at)

  expect(readdirSync(join(folder, '.ssh')).toSorted()).toEqual(['authorized_keys', names[0], names[2]])
})

test('a symbolic link stays one, and the file behind it is replaced', async () => {
  mkdirSync(join(folder, '.ssh'))
  const target = join(folder, 'real_keys')
  writeFileSync(target, 'ssh-rsa AAAA me\n')
  symlinkSync('../real_keys', place.file)

  await editAuthorizedKeys(place, add, at)

  expect(lstatSync(place.file).isSymbolicLink()).toBe(true)
  expect(readFileSync(target, 'utf8')).toBe(add('ssh-rsa AAAA me\n'))
})

test('what another program appends between our look and our write is taken in', async () => {
  start('first\n')
  let calls = 0
  const change = (text: string) => {
    if (calls++ === 0) appendFileSync(place.file, 'ssh-copy-id was here\n')
    return add(text)
  }

  await editAuthorizedKeys(place, change, at)

  expect(readFileSync(place.file, 'utf8')).toBe(add('first\nssh-copy-id was here\n'))
  expect(readdirSync(place.backups)).toHaveLength(1)
})

test('a file that never holds still is left alone', async () => {
  start('')
  let calls = 0
  const change = (text: string) => {
    appendFileSync(place.file, `${calls++}\n`)
    return add(text)
  }

  await expect(editAuthorizedKeys(place, change, at)).rejects.toMatchObject({ code: 'busy' })
  expect(readFileSync(place.file, 'utf8')).not.toContain('claw-clan')
  expect(readdirSync(join(folder, '.ssh'))).toEqual(['authorized_keys'])
  expect(readdirSync(place.backups)).toEqual([])
})

describe('nothing is written when', () => {
  const refused = async (message: RegExp) => {
    await expect(editAuthorizedKeys(place, add, at)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('Nothing was written'),
    })
  }

  test('a folder is in the place of the file', async () => {
    mkdirSync(place.file, { recursive: true })
    await refused(/Cannot read ".*authorized_keys"/)
  })

  test('a pipe is in its place', async () => {
    mkdirSync(join(folder, '.ssh'))
    execFileSync('mkfifo', [place.file])
    await refused(/not a regular file/)
  })

  test('it is a link to nothing', async () => {
    mkdirSync(join(folder, '.ssh'))
    symlinkSync('nowhere', place.file)
    await refused(/link to a file that does not exist/)
    expect(existsSync(join(folder, '.ssh', 'nowhere'))).toBe(false)
  })

  test('links go in a circle', async () => {
    mkdirSync(join(folder, '.ssh'))
    symlinkSync('authorized_keys', place.file)
    await refused(/ELOOP/)
  })

  test('.ssh is a file', async () => {
    writeFileSync(join(folder, '.ssh'), 'mine')
    await refused(/ENOTDIR/)
    expect(readFileSync(join(folder, '.ssh'), 'utf8')).toBe('mine')
  })

  test('the file before cannot be kept', async () => {
    start('mine\n')
    writeFileSync(place.backups, 'in the way')
    await refused(/Cannot back up/)
    expect(readFileSync(place.file, 'utf8')).toBe('mine\n')
  })
})

describe('several programs at once', () => {
  const PROGRAM = join(import.meta.dirname, '..', 'support', 'edit-authorized-keys.ts')
  const foreign = 'ssh-rsa AAAA b\xfcro\r\n# note\nssh-rsa BBBB me'
  const names = Array.from({ length: 8 }, (_, n) => `m${n}`)
  const finished = (child: ChildProcess) =>
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code))
    })
  const run = (name: string, rounds: number) =>
    spawn(process.execPath, [PROGRAM, place.file, folder, name, String(rounds)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })

  test('eight of one home add and remove: nobody loses a line', async () => {
    start(Buffer.from(foreign, 'latin1'))

    const codes = await Promise.all(names.map(name => finished(run(name, 10))))

    expect(codes).toEqual(names.map(() => 0))
    const text = readFileSync(place.file, 'latin1')
    for (const name of names) expect(text.split(`# BEGIN claw-clan ${name}\n`)).toHaveLength(2)
    expect(names.reduce((now, name) => withoutGrant(now, id(name)), text)).toBe(foreign)
    expect(readdirSync(place.backups)).toHaveLength(KEPT_BACKUPS)
  })

  test('killed at any moment, the file is whole and the next run completes it', async () => {
    start(Buffer.from(foreign, 'latin1'))
    for (let kills = 0; kills < 12; kills++) {
      const child = run('mini', 1000)
      let edits = 0
      child.stdout?.on('data', chunk => {
        edits += chunk.toString().split('\n').length - 1
        if (edits > kills) child.kill('SIGKILL')
      })
      await finished(child)
      const text = readFileSync(place.file, 'latin1')
      expect([foreign, withGrant(foreign, { ...grant, key: aKey('mini') })]).toContain(text)
    }

    expect(await finished(run('mini', 1))).toBe(0)
    expect(readFileSync(place.file, 'latin1')).toBe(withGrant(foreign, grant))
  })
})

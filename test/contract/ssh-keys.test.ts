import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type HomePaths, homePaths } from '../../src/adapters/home-paths.ts'
import { ensureClanKey, readClanKey, readPrivateKey } from '../../src/adapters/ssh-keys.ts'

let folder: string
let paths: HomePaths
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-keys-'))
  paths = homePaths(join(folder, 'home'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('ensureClanKey()', () => {
  test('makes a key that ssh-keygen reads, for the owner only', async () => {
    const before = process.umask(0)
    try {
      const key = await ensureClanKey(paths, 'claw-clan:Studio')

      expect(key).toMatchObject({
        created: true,
        publicKey: expect.stringMatching(/^ssh-ed25519 [A-Za-z0-9+/]+=* claw-clan:Studio$/),
      })
      const shown = execFileSync('ssh-keygen', ['-lf', paths.clanKey], { encoding: 'utf8' })
      expect(shown).toContain(key.fingerprint)
      expect(readFileSync(`${paths.clanKey}.pub`, 'utf8')).toBe(`${key.publicKey}\n`)
    } finally {
      process.umask(before)
    }
    expect(readdirSync(paths.keys).toSorted()).toEqual(['id_ed25519', 'id_ed25519.pub'])
    for (const file of [paths.clanKey, `${paths.clanKey}.pub`])
      expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(paths.keys).mode & 0o777).toBe(0o700)
  })

  test('finds the key it made, and changes nothing', async () => {
    const { publicKey, fingerprint } = await ensureClanKey(paths, 'claw-clan:Studio')
    const made = readFileSync(paths.clanKey)

    expect(await ensureClanKey(paths, 'another')).toEqual({ created: false, publicKey, fingerprint })
    expect(readFileSync(paths.clanKey)).toEqual(made)
  })

  test('makes one key when several runs need it at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => ensureClanKey(paths, 'claw-clan:Studio')))

    expect(new Set(keys.map(key => key.publicKey)).size).toBe(1)
    expect(keys.filter(key => key.created)).toHaveLength(1)
    expect(readdirSync(paths.keys).toSorted()).toEqual(['id_ed25519', 'id_ed25519.pub'])
  })

  test('writes a lost public half again', async () => {
    const { publicKey } = await ensureClanKey(paths, 'claw-clan:Studio')
    rmSync(`${paths.clanKey}.pub`)

    expect(await ensureClanKey(paths, 'claw-clan:Studio')).toMatchObject({ created: false, publicKey })
    expect(existsSync(`${paths.clanKey}.pub`)).toBe(true)
  })

  test.each([
    { why: 'damaged', spoil: () => writeFileSync(paths.clanKey, 'no key') },
    { why: 'empty', spoil: () => writeFileSync(paths.clanKey, '') },
    { why: 'readable by others', spoil: () => chmodSync(paths.clanKey, 0o644) },
    {
      why: 'protected by a passphrase',
      spoil: () => execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-f', paths.clanKey]),
    },
  ])('never replaces a key that is $why', async ({ spoil }) => {
    await ensureClanKey(paths, 'claw-clan:Studio')
    spoil()
    const spoiled = readFileSync(paths.clanKey)

    await expect(ensureClanKey(paths, 'claw-clan:Studio')).rejects.toMatchObject({ code: 'bad-key' })
    expect(readFileSync(paths.clanKey)).toEqual(spoiled)
  })

  test('says where it cannot write', async () => {
    writeFileSync(paths.home, 'a file where the home should be')

    await expect(ensureClanKey(paths, 'x')).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringContaining(paths.keys),
    })
  })
})

describe('readClanKey()', () => {
  test('reads what was made', async () => {
    await ensureClanKey(paths, 'x')

    expect(readClanKey(paths).toString()).toContain('OPENSSH PRIVATE KEY')
  })

  test('names the command that makes a missing key', () => {
    expect(() => readClanKey(paths)).toThrow(
      expect.objectContaining({ code: 'bad-key', hint: expect.stringContaining('claw-setup-ssh check') }),
    )
  })

  test.each([0o640, 0o604, 0o660, 0o777])('refuses mode %o and names the remedy', mode => {
    const file = join(folder, 'key')
    writeFileSync(file, 'x')
    chmodSync(file, mode)

    expect(() => readPrivateKey(file)).toThrow(
      expect.objectContaining({ code: 'bad-key', hint: expect.stringContaining('chmod 600') }),
    )
  })

  test('refuses what is no file or far too long', () => {
    mkdirSync(join(folder, 'folder'), { mode: 0o700 })
    writeFileSync(join(folder, 'long'), Buffer.alloc(100_000), { mode: 0o600 })

    for (const name of ['folder', 'long']) {
      expect(() => readPrivateKey(join(folder, name))).toThrow(expect.objectContaining({ code: 'bad-key' }))
    }
  })
})

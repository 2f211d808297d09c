import { execFileSync, spawn } from 'node:child_process'
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
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  fingerprint,
  type PinnedKey,
  pinHostKey,
  pinnedKey,
  readPins,
  unpinHost,
  userKnownHostKeys,
} from '../../src/adapters/known-hosts.ts'
import { makeKey, pinOf } from '../support/sshd.ts'

let folder: string
let file: string
let keys: string
let first: PinnedKey
let second: PinnedKey
beforeAll(() => {
  keys = mkdtempSync(join(tmpdir(), 'claw-known-keys-'))
  first = pinOf(makeKey(join(keys, 'first'), 'ed25519'))
  second = pinOf(makeKey(join(keys, 'second'), 'ecdsa'))
})
afterAll(() => rmSync(keys, { recursive: true, force: true }))
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-known-'))
  file = join(folder, 'home', 'known_hosts')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const studio = { gatewayId: 'Studio', host: '10.0.0.7', port: 22 }
const base64 = (key: PinnedKey) => key.blob.toString('base64')

test('fingerprint() prints what ssh-keygen prints', () => {
  expect(execFileSync('ssh-keygen', ['-lf', join(keys, 'first.pub')], { encoding: 'utf8' })).toContain(
    fingerprint(first.blob),
  )
})

describe('pinHostKey()', () => {
  test('writes a line that is found by the id, in any case, and by ssh-keygen', () => {
    pinHostKey(file, studio, first)

    expect(readFileSync(file, 'utf8')).toBe(`Studio,[10.0.0.7]:22 ssh-ed25519 ${base64(first)}\n`)
    expect(readPins(file)).toEqual(new Map([['studio', [first]]]))
    expect(execFileSync('ssh-keygen', ['-F', 'studio', '-f', file], { encoding: 'utf8' })).toContain(
      base64(first),
    )
  })

  test('replaces the key and address of that machine only', () => {
    pinHostKey(file, studio, first)
    pinHostKey(file, { gatewayId: 'studio-2', host: 'fd00::2', port: 2222 }, first)
    pinHostKey(file, { ...studio, gatewayId: 'STUDIO', host: '10.0.0.8' }, second)

    expect(readPins(file)).toEqual(
      new Map([
        ['studio', [second]],
        ['studio-2', [first]],
      ]),
    )
    expect(readFileSync(file, 'utf8')).not.toContain('10.0.0.7')
  })

  test('makes the file for the owner only, whatever the umask', () => {
    const before = process.umask(0)
    try {
      pinHostKey(file, studio, first)
    } finally {
      process.umask(before)
    }
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(folder, 'home'))).toEqual(['known_hosts'])
  })

  test('changes nothing when done twice', () => {
    pinHostKey(file, studio, first)
    const { ino } = statSync(file)

    pinHostKey(file, studio, first)

    expect(statSync(file).ino).toBe(ino)
  })

  test.each([
    { gatewayId: '../evil', host: 'h' },
    { gatewayId: 'a b', host: 'h' },
    { gatewayId: '*', host: 'h' },
    { gatewayId: 'a', host: 'h\nb [h]:1 ssh-ed25519 AAAA' },
    { gatewayId: 'a', host: '-oProxyCommand=x' },
  ])('refuses $gatewayId at $host', ({ gatewayId, host }) => {
    const pin = () => pinHostKey(file, { gatewayId, host, port: 22 }, first)

    expect(pin).toThrow(expect.objectContaining({ code: 'bad-input' }))
    expect(existsSync(file)).toBe(false)
  })

  test('keeps other lines byte for byte, in any order of pinning and forgetting', () => {
    const foreign = fc.oneof(
      fc.constantFrom(
        `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 ${'A'.repeat(68)}`,
        '# a comment',
        '@revoked * ssh-rsa AAAA',
        'studio,10.0.0.7 ssh-rsa AAAA',
        '10.0.0.7 ssh-rsa AAAA\r',
        ' Studio,[h]:22 ssh-ed25519 AAAA',
        '',
      ),
      fc.string({ unit: 'binary' }).map(text => text.replaceAll('\n', ' ')),
    )
    const act = fc.record({ id: fc.constantFrom('Studio', 'mini'), forget: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(foreign, { maxLength: 8 }),
        fc.boolean(),
        fc.array(act, { maxLength: 6 }),
        (lines, ends, acts) => {
          mkdirSync(join(folder, 'home'), { recursive: true })
          const content = lines.join('\n') + (ends && lines.length > 0 ? '\n' : '')
          writeFileSync(file, content)
          for (const { id, forget } of acts) {
            if (forget) unpinHost(file, id)
            else pinHostKey(file, { gatewayId: id, host: 'h', port: 22 }, first)
          }
          unpinHost(file, 'studio')
          unpinHost(file, 'MINI')

          const now = readFileSync(file, 'utf8')
          expect(now === content || now === `${content}\n`).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('loses no pin when two programs write at the same moment', async () => {
    const script = `
      import { pinHostKey, pinnedKey } from '${join(import.meta.dirname, '../../src/adapters/known-hosts.ts')}'
      const key = pinnedKey(Buffer.from('${base64(first)}', 'base64'))
      for (let n = 0; n < 20; n++) pinHostKey('${file}', { gatewayId: process.argv[1] + n, host: 'h', port: 22 }, key)`
    const runs = ['a', 'b', 'c'].map(name => {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script, name], {
        stdio: 'inherit',
      })
      return new Promise(resolve => child.on('exit', resolve))
    })

    expect(await Promise.all(runs)).toEqual([0, 0, 0])
    expect(readPins(file).size).toBe(60)
  })

  test('leaves the file as it is when it cannot be read or written', () => {
    pinHostKey(file, studio, first)
    rmSync(file)
    mkdirSync(file)

    for (const act of [
      () => readPins(file),
      () => pinHostKey(file, studio, first),
      () => unpinHost(file, 'studio'),
    ]) {
      expect(act).toThrow(
        expect.objectContaining({ code: 'store-unavailable', message: expect.stringContaining(file) }),
      )
    }
  })
})

describe('readPins()', () => {
  test('finds nothing where there is no file', () => {
    expect(readPins(file).size).toBe(0)
  })

  test('takes no pin from lines of another shape, or with a key that is none', () => {
    mkdirSync(join(folder, 'home'))
    const key = base64(first)
    const lines = [
      `studio ssh-ed25519 ${key}`,
      `studio,10.0.0.7 ssh-ed25519 ${key}`,
      `*,[10.0.0.7]:22 ssh-ed25519 ${key}`,
      `!studio,[10.0.0.7]:22 ssh-ed25519 ${key}`,
      `@cert-authority studio,[10.0.0.7]:22 ssh-ed25519 ${key}`,
      `@revoked studio,[10.0.0.7]:22 ssh-ed25519 ${key}`,
      `studio,[10.0.0.7]:22 ssh-rsa ${key}`,
      'studio,[10.0.0.7]:22 ssh-ed25519 AAAA',
      'studio,[10.0.0.7]:22 ssh-ed25519 %%%%',
    ]
    writeFileSync(file, lines.join('\n'))

    expect(readPins(file).size).toBe(0)
  })

  test('takes several keys of one machine', () => {
    pinHostKey(file, studio, first)
    writeFileSync(
      file,
      `${readFileSync(file, 'utf8')}studio,[10.0.0.7]:22 ${second.type} ${base64(second)}\r\n`,
    )

    expect(readPins(file).get('studio')).toEqual([first, second])
  })

  test('reads no file beyond its bound', () => {
    mkdirSync(join(folder, 'home'))
    writeFileSync(file, Buffer.alloc(5 * 1024 * 1024, '#\n'))

    expect(() => readPins(file)).toThrow(expect.objectContaining({ code: 'store-unavailable' }))
  })
})

describe('unpinHost()', () => {
  test('says whether there was anything', () => {
    pinHostKey(file, studio, first)

    expect([unpinHost(file, 'STUDIO'), unpinHost(file, 'STUDIO'), readFileSync(file, 'utf8')]).toEqual([
      true,
      false,
      '',
    ])
  })

  test('makes no file', () => {
    expect(unpinHost(file, 'studio')).toBe(false)
    expect(existsSync(file)).toBe(false)
  })
})

describe('userKnownHostKeys()', () => {
  const known = (lines: readonly string[], name = 'known') => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
    return join(folder, name)
  }

  test('finds plain and hashed entries by address and port', async () => {
    const hashed = known([`[10.0.0.7]:2222 ${second.type} ${base64(second)} a comment`], 'hashed')
    execFileSync('ssh-keygen', ['-H', '-f', hashed], { stdio: 'ignore' })
    const plain = known([`host.example,10.0.0.7 ssh-ed25519 ${base64(first)}`])

    expect(readFileSync(hashed, 'utf8')).not.toContain('10.0.0.7')
    expect(await userKnownHostKeys('10.0.0.7', 22, [plain, hashed])).toEqual([first])
    expect(await userKnownHostKeys('host.example', 22, [plain, hashed])).toEqual([first])
    expect(await userKnownHostKeys('10.0.0.7', 2222, [plain, hashed])).toEqual([second])
    expect(await userKnownHostKeys('10.0.0.8', 22, [plain, hashed])).toEqual([])
  })

  test('believes no revoked key and no authority', async () => {
    const file = known([
      `10.0.0.7 ssh-ed25519 ${base64(first)}`,
      `@revoked 10.0.0.7 ssh-ed25519 ${base64(first)}`,
      `@cert-authority 10.0.0.7 ${second.type} ${base64(second)}`,
    ])

    expect(await userKnownHostKeys('10.0.0.7', 22, [file])).toEqual([])
  })

  test('finds nothing without files, and is not misled by an odd host', async () => {
    const file = known([`10.0.0.7 ssh-ed25519 ${base64(first)}`])

    expect(await userKnownHostKeys('10.0.0.7', 22, [join(folder, 'none')])).toEqual([])
    expect(await userKnownHostKeys('-lf', 22, [file])).toEqual([])
  })
})

test.each(['', 'abcd', '\0\0\0\x0bssh-ed25519', '\0\0\0\x03a b\0\0\0\x01x', '\xff\xff\xff\xffssh'])(
  'pinnedKey() refuses %j',
  text => {
    expect(() => pinnedKey(Buffer.from(text, 'latin1'))).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
    chmodSync(folder, 0o700)
  },
)

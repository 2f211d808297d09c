import { describe, expect, test } from 'vitest'
import {
  isPlainPath,
  packFiles,
  parseReceived,
  parseStreamHeader,
  receivedLine,
  streamHead,
  unpackFiles,
} from '../../../src/fleet/version-stream.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const nonce = '0123456789abcdef'
const header = {
  ...{ home: '/home/o\'x/.openclaw/claw "clan"', name: '2.0.0-0123456789ab', nonce },
  ...{ bytes: 5, sha256: 'a'.repeat(64) },
}
const files = [
  { path: 'manifest.json', content: bytes('{}') },
  { path: 'dist/a b.js', content: bytes('line\nline\n') },
  { path: 'skills/claw-clan/SKILL.md', content: bytes('') },
]

test('files come back from the bytes they were packed into, in whatever order they were given', () => {
  const unpacked = unpackFiles(packFiles(files))

  expect(new Map(unpacked.map(({ path, content }) => [path, content]))).toEqual(
    new Map(files.map(({ path, content }) => [path, content])),
  )
  expect(packFiles(files.toReversed())).toEqual(packFiles(files))
})

test('bytes that were cut or grew are refused at every length', () => {
  const whole = packFiles(files)

  for (let length = 0; length < whole.length; length++) {
    expect(() => unpackFiles(whole.subarray(0, length))).toThrow('Cannot use the stream')
  }
  expect(() => unpackFiles(new Uint8Array([...whole, 0]))).toThrow('do not add up')
})

test.each([
  ['nothing', ''],
  ['no list', '{}\n'],
  ['no name', '{"files":[{"size":0}]}\n'],
  ['a negative length', '{"files":[{"path":"a","size":-1}]}\n'],
  ['a name twice on a Mac', '{"files":[{"path":"dist/A","size":0},{"path":"dist/a","size":0}]}\n'],
  ...['../a', '/etc/passwd', 'a/../b', 'a//b', './a', '.ssh/x', 'a/.b', 'a\\b', 'a\u0000', 'a\nb', ''].map(
    path => [path, `${JSON.stringify({ files: [{ path, size: 0 }] })}\n`],
  ),
])('unpackFiles() refuses %j', (_, text) => {
  expect(() => unpackFiles(bytes(text))).toThrow(expect.objectContaining({ code: 'bad-input' }))
})

test('isPlainPath() bounds the length', () => {
  expect([isPlainPath('a'.repeat(128)), isPlainPath('a'.repeat(129))]).toEqual([true, false])
  expect(isPlainPath(`${'abc/'.repeat(100)}x`)).toBe(false)
})

describe('the lines before the bytes', () => {
  test('are three, whatever stands in them', () => {
    const program = bytes('const quoted = "\\n\'$(id)`";\n')

    const [node, text = '', line = '', ...rest] = streamHead('/opt/no de/bin/node', program, header).split(
      '\n',
    )

    expect([node, rest]).toEqual(['/opt/no de/bin/node', ['']])
    expect(text).toMatch(/^eval\(Buffer\.from\("[A-Za-z0-9+/=]+","base64"\)\.toString\(\)\)$/)
    expect(Buffer.from(text.split('"')[1] ?? '', 'base64')).toEqual(Buffer.from(program))
    expect(parseStreamHeader(bytes(line))).toEqual(header)
  })

  test('have no place for a node whose path is two lines', () => {
    expect(() => streamHead('/a\n/b', bytes(''), header)).toThrow('line break')
  })

  test.each([
    ['home', 'relative'],
    ['home', '/a\nb'],
    ['name', '../../x-0123456789ab'],
    ['name', '.hidden'],
    ['name', ''],
    ['nonce', 'short'],
    ['bytes', -1],
    ['bytes', 1e12],
    ['sha256', 'A'.repeat(64)],
  ])('are refused with %s %j', (key, value) => {
    const line = bytes(JSON.stringify({ ...header, [key]: value }))

    expect(() => parseStreamHeader(line)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })
})

test('the answer is found behind what start files print, and by its nonce only', () => {
  const received = { ok: true, files: 3, wasThere: false, swept: 0 } as const

  expect(parseReceived(`Welcome!\n${receivedLine(nonce, received)}`, nonce)).toEqual(received)
  expect(parseReceived(receivedLine(nonce, { ok: false, message: 'no' }), nonce)).toEqual({
    ok: false,
    message: 'no',
  })
  for (const said of ['', receivedLine('f'.repeat(16), received), `\nclaw-clan-received ${nonce} {"ok":1}\n`])
    expect(parseReceived(said, nonce)).toBeUndefined()
})

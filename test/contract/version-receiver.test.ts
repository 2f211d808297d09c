import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { receiveVersion } from '../../src/adapters/version-receiver.ts'
import {
  packFiles,
  parseReceived,
  RECEIVE_COMMAND,
  streamHead,
  type VersionFile,
} from '../../src/fleet/version-stream.ts'
import { temporaryFolder } from '../support/program.ts'
import { shells } from '../support/shells.ts'

const NAME = '2.0.0-0123456789ab'
const nonce = '0123456789abcdef'
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const contents: readonly VersionFile[] = [
  { path: 'dist/setup.js', content: Buffer.from('setup()\n') },
  { path: 'dist/lib/chunk.js', content: Buffer.from('x'.repeat(5000)) },
  { path: 'skills/claw-clan/SKILL.md', content: Buffer.from('---\n') },
]
const manifestOf = (files: readonly VersionFile[]): VersionFile => ({
  path: 'manifest.json',
  content: Buffer.from(
    JSON.stringify({ files: Object.fromEntries(files.map(({ path, content }) => [path, sha256(content)])) }),
  ),
})
const whole = [...contents, manifestOf(contents)]

/** Everything behind the two lines that the shell reads. */
function streamOf(home: string, files: readonly VersionFile[] = whole, more: object = {}): Buffer {
  const body = gzipSync(packFiles(files))
  const header = { home, name: NAME, nonce, bytes: body.length, sha256: sha256(body), ...more }
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body])
}

async function receive(bytes: Uint8Array) {
  const input = new PassThrough()
  input.end(bytes)
  let said = ''
  const code = await receiveVersion(input, line => {
    said += line
  })
  return { code, received: parseReceived(said, nonce), said }
}

const version = (home: string) => join(home, 'versions', NAME)

test('a whole stream becomes a version folder that is the owner’s alone, whatever the umask', async () => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'not', 'yet there')
  const umask = process.umask(0o000)

  const { code, received } = await receive(streamOf(home)).finally(() => process.umask(umask))

  expect([code, received]).toEqual([0, { ok: true, files: 4, wasThere: false, swept: 0 }])
  for (const { path, content } of whole) {
    expect(readFileSync(join(version(home), path))).toEqual(Buffer.from(content))
    expect(statSync(join(version(home), path)).mode & 0o777).toBe(0o600)
  }
  for (const path of ['', 'dist', 'dist/lib'])
    expect(statSync(join(version(home), path)).mode & 0o777).toBe(0o700)
  expect(readdirSync(join(home, 'versions'))).toEqual([NAME])
  expect((await receive(streamOf(home))).received).toMatchObject({ wasThere: true })
})

test('a stream that ends at any byte leaves nothing at all', async () => {
  await using folder = await temporaryFolder()
  const bytes = streamOf(folder.path)
  const head = bytes.indexOf('\n')

  for (let length = 0; length < bytes.length; length++) {
    const { code, received } = await receive(bytes.subarray(0, length))
    const said =
      length <= head ? undefined : { ok: false, message: expect.stringMatching(/^The stream ended/) }
    expect([length, code, received]).toEqual([length, 1, said])
  }
  expect(readdirSync(folder.path)).toEqual([])
})

test.each<[string, (home: string) => Buffer, RegExp]>([
  ['was changed on its way', home => streamOf(home, whole, { sha256: 'a'.repeat(64) }), /changed on its way/],
  ['is longer than it says', home => Buffer.concat([streamOf(home), Buffer.from('x')]), /ended after \d+ of/],
  ['lacks a file of its manifest', home => streamOf(home, whole.slice(1)), /not whole/],
  [
    'brings a file that is not in its manifest',
    home => streamOf(home, [...whole, { path: 'dist/more.js', content: Buffer.from('evil') }]),
    /"dist\/more\.js" differs/,
  ],
  [
    'brings another file than its manifest names',
    home => streamOf(home, [{ path: 'dist/setup.js', content: Buffer.from('evil') }, ...whole.slice(1)]),
    /"dist\/setup\.js" differs/,
  ],
  ['has no manifest', home => streamOf(home, contents), /not whole/],
  [
    'names a file outside',
    home => {
      const files = [{ path: '../../evil', content: Buffer.from('evil') }]
      return streamOf(home, [...files, manifestOf(files)])
    },
    /a file name is not allowed/,
  ],
  ['has an odd first line', () => Buffer.from('{"schema":1}\n'), /first line/],
])('a stream that %s is refused, and nothing is written', async (_, make, says) => {
  await using folder = await temporaryFolder()

  const { code, received, said } = await receive(make(folder.path))

  expect(code).toBe(1)
  const message = received?.ok === false ? received.message : said
  expect(message).toMatch(says)
  expect(readdirSync(folder.path)).toEqual([])
})

test('a damaged version of the same name is mended, and what dead runs left is swept', async () => {
  await using folder = await temporaryFolder()
  await receive(streamOf(folder.path))
  writeFileSync(join(version(folder.path), 'dist/setup.js'), 'damaged')
  chmodSync(join(version(folder.path), 'dist/setup.js'), 0o400)
  const versions = join(folder.path, 'versions')
  // No process can have the first number; the second is this one's parent, which lives.
  mkdirSync(join(versions, '.incoming-4194304-x', 'dist'), { recursive: true })
  mkdirSync(join(versions, `.incoming-${process.ppid}-x`))
  mkdirSync(join(versions, '.other'))

  const { received } = await receive(streamOf(folder.path))

  expect(received).toEqual({ ok: true, files: 4, wasThere: false, swept: 1 })
  expect(readFileSync(join(version(folder.path), 'dist/setup.js'), 'utf8')).toBe('setup()\n')
  expect(readdirSync(versions).toSorted()).toEqual([`.incoming-${process.ppid}-x`, '.other', NAME])
})

test.each(shells)('$name hands node what is behind its two lines, to the byte', async shell => {
  await using folder = await temporaryFolder()
  const program = Buffer.from(
    `let all = Buffer.alloc(0)
     process.stdin.on('data', chunk => { all = Buffer.concat([all, chunk]) })
     process.stdin.on('end', () => process.stdout.write(require('node:crypto').hash('sha256', all)))`,
  )
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7) % 256))
  const header = { home: folder.path, name: NAME, nonce, bytes: body.length, sha256: sha256(body) }
  const head = streamHead(process.execPath, program, header)
  const child = spawn(shell.path, [...shell.args, '-c', RECEIVE_COMMAND], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', chunk => {
    said += chunk
  })

  child.stdin.end(Buffer.concat([Buffer.from(head), body]))
  await new Promise(resolve => child.on('close', resolve))

  const line = Buffer.from(head.slice(head.indexOf('\n', head.indexOf('eval(')) + 1))
  expect(said).toBe(sha256(Buffer.concat([line, body])))
  expect(readdirSync(folder.path)).toEqual([])
})

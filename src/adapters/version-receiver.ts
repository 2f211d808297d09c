import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { ClawError } from '../fleet/error.ts'
import {
  MAX_STREAM_BYTES,
  parseStreamHeader,
  type Received,
  receivedLine,
  type StreamHeader,
  unpackFiles,
  type VersionFile,
} from '../fleet/version-stream.ts'

/** The line before the bytes holds two paths and a hash. */
const MAX_HEADER_BYTES = 16 * 1024
/** Longest silence of the sender: a network that vanished would otherwise keep this program for hours. */
const IDLE_MS = 60_000
const INCOMING = '.incoming-'

/**
 * Take one version folder from the sending machine's stream, and put it beside those that are there.
 *
 * Nothing is written before all of it has arrived, has its SHA-256, and each file has the one its manifest names. It is
 * written under a name nobody uses, synced, and renamed; what a killed run left behind is swept first.
 *
 * @param input  stdin behind the two lines the shell has read
 * @param say    takes the line for the sender
 * @returns the exit code: 0 when the folder is there
 */
export async function receiveVersion(input: Readable, say: (line: string) => void): Promise<number> {
  process.umask(0o077)
  let nonce = ''
  try {
    const { header, body } = await readAll(input, found => {
      nonce = found.nonce
    })
    const received = place(header, checkedFiles(header, body))
    say(receivedLine(nonce, received))
    return 0
  } catch (error) {
    const message = error instanceof ClawError ? error.message : messageOf(error)
    say(receivedLine(nonce, { ok: false, message }))
    return 1
  }
}

async function readAll(input: Readable, onHeader: (header: StreamHeader) => void) {
  let seen = Buffer.alloc(0)
  let header: StreamHeader | undefined
  const chunks: Buffer[] = []
  let length = 0
  const take = (bytes: Buffer) => {
    chunks.push(bytes)
    length += bytes.length
  }
  // Unrefed: a refused stream must not keep this program for the rest of the time.
  const idle = setTimeout(() => input.destroy(), IDLE_MS).unref()
  for await (const chunk of input) {
    idle.refresh()
    if (header === undefined) {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf(0x0a)
      if (end < 0 && seen.length > MAX_HEADER_BYTES) break
      if (end < 0) continue
      header = parseStreamHeader(seen.subarray(0, end))
      onHeader(header)
      take(seen.subarray(end + 1))
    } else take(Buffer.from(chunk))
    if (length >= header.bytes) break
  }
  clearTimeout(idle)
  if (header === undefined || length !== header.bytes) throw cut(length, header)
  return { header, body: Buffer.concat(chunks) }
}

const cut = (length: number, header: StreamHeader | undefined): ClawError =>
  new ClawError('bad-input', `The stream ended after ${length} of ${header?.bytes ?? '?'} bytes`)

function checkedFiles({ sha256, name }: StreamHeader, body: Buffer): readonly VersionFile[] {
  if (hashOf(body) !== sha256) throw new ClawError('bad-input', 'The stream was changed on its way')
  const files = unpackFiles(gunzipSync(body, { maxOutputLength: MAX_STREAM_BYTES }))
  const hashes = manifestHashes(files.find(({ path }) => path === 'manifest.json')?.content)
  const others = files.filter(({ path }) => path !== 'manifest.json')
  const wrong = others.find(({ path, content }) => hashes.get(path) !== hashOf(content))
  if (wrong !== undefined || others.length !== hashes.size || others.length === 0) {
    const what = wrong === undefined ? 'its files differ' : `"${wrong.path}" differs`
    throw new ClawError('bad-input', `Version "${name}" is not whole: ${what} from its manifest`)
  }
  return files
}

function manifestHashes(content: Uint8Array | undefined): ReadonlyMap<string, unknown> {
  const manifest: unknown = content === undefined ? undefined : JSON.parse(Buffer.from(content).toString())
  const files: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'files') : undefined
  return new Map(typeof files === 'object' && files !== null ? Object.entries(files) : [])
}

/** Below `versions/` first under a name of its own, then under the right one. */
function place({ home, name }: StreamHeader, files: readonly VersionFile[]): Received {
  const versions = join(home, 'versions')
  const target = join(versions, name)
  try {
    mkdirSync(versions, { recursive: true, mode: 0o700 })
    const swept = sweep(versions)
    if (isWhole(target, files)) return { ok: true, files: files.length, wasThere: true, swept }
    const incoming = join(versions, `${INCOMING}${process.pid}-${name}`)
    try {
      writeFiles(incoming, files)
      if (existsSync(target)) mend(target, incoming, files)
      else renameSync(incoming, target)
      sync(versions)
    } finally {
      rmSync(incoming, { recursive: true, force: true })
    }
    return { ok: true, files: files.length, wasThere: false, swept }
  } catch (cause) {
    throw new ClawError('store-unavailable', `Cannot write "${target}": ${messageOf(cause)}`, { cause })
  }
}

/** A folder of that name is damaged: file by file, so that what runs from it meanwhile finds every file. */
function mend(target: string, incoming: string, files: readonly VersionFile[]): void {
  for (const { path } of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true, mode: 0o700 })
    renameSync(join(incoming, path), join(target, path))
  }
}

/** Remove what runs that are no more have left. */
function sweep(versions: string): number {
  const left = readdirSync(versions).filter(entry => {
    const owner = /^\.incoming-(\d+)-/.exec(entry)
    return owner !== null && !isAlive(Number(owner[1]))
  })
  for (const entry of left) rmSync(join(versions, entry), { recursive: true, force: true })
  return left.length
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return pid !== process.pid
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function isWhole(folder: string, files: readonly VersionFile[]): boolean {
  return files.every(({ path, content }) => {
    try {
      return readFileSync(join(folder, path)).equals(content)
    } catch {
      return false
    }
  })
}

function writeFiles(folder: string, files: readonly VersionFile[]): void {
  const folders = new Set([folder, ...files.map(({ path }) => dirname(join(folder, path)))])
  for (const path of folders) mkdirSync(path, { recursive: true, mode: 0o700 })
  for (const { path, content } of files) {
    const file = openSync(join(folder, path), 'wx', 0o600)
    try {
      let rest = content
      while (rest.length > 0) rest = rest.subarray(writeSync(file, rest))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }
  for (const path of folders) sync(path)
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

import { ClawError } from './error.ts'

/**
 * How a version folder travels to another machine: three lines, then bytes.
 *
 * ```
 * <absolute path of that machine's node>
 * <program of that node, on one line, that reads the rest>
 * {"schema":1,"home":"/...","name":"2.0.0-0123456789ab","nonce":"...","bytes":412345,"sha256":"..."}
 * <gzip of: {"files":[{"path":"dist/ping.js","size":123},...]}, a line feed, all contents in that order>
 * ```
 *
 * No `tar` takes part: macOS and Linux have different ones, both follow links and write as they read, while here the
 * whole stream is checked before the first file is made. A stream that ends early, at any byte, is nothing.
 */
export type StreamHeader = {
  /** Absolute path of the claw-clan home there. */
  readonly home: string
  /** Name of the version folder. */
  readonly name: string
  readonly nonce: string
  /** Length and SHA-256 (hex) of the compressed part. */
  readonly bytes: number
  readonly sha256: string
}

/** One file of a version folder: its path below it, with "/" between folders, and its content. */
export type VersionFile = { readonly path: string; readonly content: Uint8Array }

/** What became of the stream; printed there as one line behind a marker. */
export type Received =
  | { readonly ok: true; readonly files: number; readonly wasThere: boolean; readonly swept: number }
  | { readonly ok: false; readonly message: string }

/** Nothing that is sent or unpacked may be longer; our programs take 2 MB. */
export const MAX_STREAM_BYTES = 64 * 1024 * 1024
const MAX_FILES = 10_000

/**
 * The command that receives: a constant that sh, bash, zsh, fish and csh understand alike. POSIX has `read` take no
 * byte beyond its line, so node finds its input where the second line ends.
 *
 * @see POSIX.1-2017, Shell and Utilities, read
 */
export const RECEIVE_COMMAND =
  'exec /bin/sh -c \'IFS= read -r node; IFS= read -r program; exec "$node" -e "$program"\''

// The same is true of a version's own list of files; asking zod here would make the receiving program ten times larger.
const PLAIN_NAME = /^[^.\\/\p{Cc}][^\\/\p{Cc}]{0,127}$/u

/** A path that stays below its folder on every system: names between "/", none of them hidden or a way out. */
export const isPlainPath = (path: string): boolean =>
  path.length <= 400 && path.split('/').every(part => PLAIN_NAME.test(part))

/** All files of a version as one run of bytes, not yet compressed; the same files give the same bytes. */
export function packFiles(files: readonly VersionFile[]): Uint8Array {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const index = { files: sorted.map(({ path, content }) => ({ path, size: content.length })) }
  const parts = [new TextEncoder().encode(`${JSON.stringify(index)}\n`), ...sorted.map(file => file.content)]
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** @throws {ClawError} `bad-input` for a name that could lie outside, a name given twice, or lengths that do not add up */
export function unpackFiles(bytes: Uint8Array): readonly VersionFile[] {
  const lineEnd = bytes.indexOf(0x0a)
  const index = readIndex(lineEnd < 0 ? undefined : parseJson(bytes.subarray(0, lineEnd)))
  let at = lineEnd + 1
  const files = index.map(({ path, size }) => {
    const content = bytes.subarray(at, at + size)
    at += size
    return { path, content }
  })
  if (at !== bytes.length) throw unusable('its lengths do not add up')
  return files
}

function readIndex(document: unknown): readonly { readonly path: string; readonly size: number }[] {
  const files: unknown = isRecord(document) ? document.files : undefined
  if (!Array.isArray(files) || files.length > MAX_FILES) throw unusable('it has no list of files')
  const entries = files.map((entry: unknown) => {
    const { path, size } = isRecord(entry) ? entry : {}
    if (typeof path !== 'string' || !isPlainPath(path)) throw unusable('a file name is not allowed')
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw unusable('a length is missing')
    return { path, size }
  })
  // Two names that differ in case only are one file on macOS.
  const names = new Set(entries.map(({ path }) => path.toLowerCase()))
  if (names.size !== entries.length) throw unusable('a file is in it twice')
  return entries
}

/**
 * Read the line before the bytes.
 *
 * @throws {ClawError} `bad-input` for anything but a header whose values are within their bounds
 */
export function parseStreamHeader(line: Uint8Array): StreamHeader {
  const document = parseJson(line)
  const { home, name, nonce, bytes, sha256 } = isRecord(document) ? document : {}
  const isSound =
    typeof home === 'string' &&
    /^\/[^\0\n]*$/.test(home) &&
    typeof name === 'string' &&
    isPlainPath(name) &&
    !name.includes('/') &&
    typeof nonce === 'string' &&
    /^[0-9a-f]{16,64}$/.test(nonce) &&
    typeof bytes === 'number' &&
    Number.isSafeInteger(bytes) &&
    bytes >= 0 &&
    bytes <= MAX_STREAM_BYTES &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  if (!isSound) throw unusable('its first line is not what it must be')
  return { home, name, nonce, bytes, sha256 }
}

/** The lines before the bytes. @param program  JavaScript for that machine's node; may have any characters */
export function streamHead(node: string, program: Uint8Array, header: StreamHeader): string {
  if (node.includes('\n')) throw unusable('the path of node has a line break')
  const text = `eval(Buffer.from("${base64(program)}","base64").toString())`
  return `${node}\n${text}\n${JSON.stringify({ schema: 1, ...header })}\n`
}

const base64 = (bytes: Uint8Array): string =>
  btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''))

/** The line that ends the other machine's output. */
export const receivedLine = (nonce: string, received: Received): string =>
  `\nclaw-clan-received ${nonce} ${JSON.stringify(received)}\n`

/** What the other machine said of the stream; undefined when it did not get to say anything. */
export function parseReceived(stdout: string, nonce: string): Received | undefined {
  const found = stdout.split('\n').find(line => line.startsWith(`claw-clan-received ${nonce} `))
  const said: unknown =
    found === undefined ? undefined : parseJson(new TextEncoder().encode(found.slice(found.indexOf('{'))))
  if (!isRecord(said)) return undefined
  const { ok, files, wasThere, swept, message } = said
  if (ok === true && typeof files === 'number' && typeof wasThere === 'boolean' && typeof swept === 'number')
    return { ok, files, wasThere, swept }
  return ok === false && typeof message === 'string' ? { ok, message } : undefined
}

const unusable = (why: string): ClawError => new ClawError('bad-input', `Cannot use the stream: ${why}`)

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { idKey, isGatewayId } from '../fleet/parse.ts'
import { quoteValue } from '../fleet/text.ts'
import { inTurn } from './file-turn.ts'
import { runProgram } from './process.ts'
import { replaceFile } from './whole-file.ts'

/** One host key we trust: algorithm name and the public key blob of RFC 4253 section 6.6. */
export type PinnedKey = { readonly type: string; readonly blob: Buffer }

/** Where a pinned key was seen; `gatewayId` is what it is found by again. */
export type PinnedHost = { readonly gatewayId: string; readonly host: string; readonly port: number }

/** Far more than a fleet needs; bounds memory when the path leads somewhere odd. */
const MAX_BYTES = 4 * 1024 * 1024

/** Fingerprint of a public key blob as OpenSSH prints it: `SHA256:` and 43 characters of base64. */
export const fingerprint = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`

/**
 * A host key from its blob, which begins with its own type (RFC 4253 section 6.6).
 *
 * @throws {ClawError} `bad-input` for what is no key blob
 */
export function pinnedKey(blob: Buffer): PinnedKey {
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0
  const type = blob.toString('latin1', 4, 4 + length)
  if (blob.length <= 4 + length || !/^[a-z0-9@.-]{1,64}$/.test(type)) {
    throw new ClawError('bad-input', 'Cannot use a host key: its blob does not begin with its type')
  }
  return { type, blob }
}

/**
 * All pinned host keys of our known_hosts, by `idKey` of the machine; one read serves a whole round.
 *
 * Our lines are `<gatewayId>,[host]:port <type> <base64>`. The id comes first, so the key is found wherever the
 * machine is now; `ssh -o HostKeyAlias=<id in lower case> -o UserKnownHostsFile=<file>` finds it as well. Lines of any
 * other shape are other people's and pin nothing.
 *
 * @returns empty when there is no file
 * @throws {ClawError} `store-unavailable` when the file cannot be read or is beyond 4 MiB
 */
export function readPins(file: string): ReadonlyMap<string, readonly PinnedKey[]> {
  const pins = new Map<string, PinnedKey[]>()
  for (const line of linesOf(read(file))) {
    const ours = ourLine(line)
    if (ours !== undefined) pins.set(ours.id, [...(pins.get(ours.id) ?? []), ours.key])
  }
  return pins
}

/**
 * Lines of our known_hosts that pin nothing, counted from 1; comments and empty lines are none.
 *
 * @throws {ClawError} as `readPins`
 */
export const unreadLines = (file: string): readonly number[] =>
  linesOf(read(file)).flatMap((line, at) =>
    /^\s*(#|$)/.test(line) || ourLine(line) !== undefined ? [] : [at + 1],
  )

/**
 * Pin one host key for one machine, in place of every key pinned for it before.
 *
 * @throws {ClawError} `bad-input` for an id or address that cannot stand in the file; `store-unavailable`, `busy`:
 *   nothing was written then
 */
export function pinHostKey(file: string, { gatewayId, host, port }: PinnedHost, key: PinnedKey): void {
  const line = `${gatewayId},[${host}]:${port} ${key.type} ${key.blob.toString('base64')}`
  if (ourLine(line) === undefined) {
    throw new ClawError(
      'bad-input',
      `Cannot pin a host key for ${quoteValue(`${gatewayId}, ${host}:${port}`)}`,
    )
  }
  edit(file, lines => {
    const at = lines.findIndex(old => ourLine(old)?.id === idKey(gatewayId))
    const kept = without(lines, gatewayId)
    return at < 0 ? [...kept, `${line}\n`] : kept.toSpliced(at, 0, `${line}\n`)
  })
}

/**
 * Forget every host key pinned for one machine.
 *
 * @returns false when nothing was pinned
 * @throws {ClawError} `store-unavailable`, `busy`: nothing was written then
 */
export const unpinHost = (file: string, gatewayId: string): boolean =>
  edit(file, lines => without(lines, gatewayId))

/**
 * Host keys that the user's own known_hosts, or the system's, already holds for an address, hashed entries too.
 * What those files revoke is left out, and so are certificate authorities.
 *
 * @param files  where to look; the files OpenSSH reads by default when absent
 * @throws {ClawError} `command-failed` without `ssh-keygen`
 */
export async function userKnownHostKeys(
  host: string,
  port: number,
  files: readonly string[] = openSshFiles(),
): Promise<readonly PinnedKey[]> {
  return (await foundKeys({ host, port, files })).filter(({ marker }) => marker === '').map(({ key }) => key)
}

/**
 * Host keys that those files revoke for an address: ssh itself believes them in no case.
 *
 * @throws {ClawError} `command-failed` without `ssh-keygen`
 */
export async function userRevokedKeys(
  host: string,
  port: number,
  files: readonly string[] = openSshFiles(),
): Promise<readonly PinnedKey[]> {
  const found = await foundKeys({ host, port, files })
  return found.filter(({ marker }) => marker === '@revoked').map(({ key }) => key)
}

type Search = { readonly host: string; readonly port: number; readonly files: readonly string[] }

async function foundKeys({ host, port, files }: Search) {
  const name = port === 22 ? host : `[${host}]:${port}`
  const found = await Promise.all(
    files
      .filter(existsSync)
      .map(file => runProgram('ssh-keygen', ['-F', name, '-f', file], { timeoutMs: 10_000 })),
  )
  const lines = found.flatMap(({ stdout }) => stdout.split('\n')).map(line => line.trim().split(/\s+/))
  const revoked = lines.filter(([marker]) => marker === '@revoked').map(([, , , base64]) => base64)
  return lines.flatMap(([first = '#', ...rest]) => {
    const marker = first.startsWith('@') ? first : ''
    const [type = '', base64 = ''] = marker === '' ? rest : rest.slice(1)
    const isLeftOut = first.startsWith('#') || (marker === '' && revoked.includes(base64))
    const key = isLeftOut ? undefined : keyFrom(type, base64)
    return key === undefined ? [] : [{ marker, key }]
  })
}

function openSshFiles(): readonly string[] {
  const own = join(userInfo().homedir, '.ssh')
  return [join(own, 'known_hosts'), join(own, 'known_hosts2'), '/etc/ssh/ssh_known_hosts']
}

const OUR_LINE = /^([^\s,]+),\[([A-Za-z0-9][A-Za-z0-9.:_-]*)\]:(\d{1,5}) (\S+) (\S+)\r?\n?$/

function ourLine(line: string): { readonly id: string; readonly key: PinnedKey } | undefined {
  const [, id = '', , port, type = '', base64 = ''] = OUR_LINE.exec(line) ?? []
  const key = isGatewayId(id) && Number(port) <= 65_535 ? keyFrom(type, base64) : undefined
  return key === undefined ? undefined : { id: idKey(id), key }
}

function keyFrom(type: string, base64: string): PinnedKey | undefined {
  try {
    const key = pinnedKey(Buffer.from(base64, 'base64'))
    return key.type === type ? key : undefined
  } catch {
    return undefined
  }
}

const without = (lines: readonly string[], gatewayId: string): readonly string[] =>
  lines.filter(line => ourLine(line)?.id !== idKey(gatewayId))

/** Every line with its end; one character per byte, so that other people's lines stay as they are. */
const linesOf = (content: Buffer | undefined): readonly string[] =>
  content?.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []

function edit(file: string, change: (lines: readonly string[]) => readonly string[]): boolean {
  if (!existsSync(file) && change([]).length === 0) return false // nothing to forget, so no file to make
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    return inTurn(file, () => editNow(file, change))
  } catch (error) {
    throw error instanceof ClawError ? error : unusable('write', file, error)
  }
}

function editNow(file: string, change: (lines: readonly string[]) => readonly string[]): boolean {
  const lines = linesOf(read(file))
  const after = change(lines)
  if (after.length === lines.length && after.every((line, at) => line === lines[at])) return false
  // A last line without its end would swallow the next one.
  const last = after.length - 1
  const text = after.map((line, at) => (line.endsWith('\n') || at === last ? line : `${line}\n`)).join('')
  replaceFile(file, Buffer.from(text, 'latin1'), 0o600)
  return true
}

function read(file: string): Buffer | undefined {
  try {
    const content = readFileSync(file)
    if (content.length > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`)
    return content
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw unusable('read', file, error)
  }
}

const unusable = (verb: string, file: string, cause: unknown): ClawError =>
  new ClawError(
    'store-unavailable',
    `Cannot ${verb} "${file}": ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: 'Nothing was written; correct this and try again',
      cause,
    },
  )

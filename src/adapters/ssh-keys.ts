import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { ClawError } from '../fleet/error.ts'
import { quoteValue } from '../fleet/text.ts'
import type { HomePaths } from './home-paths.ts'
import { newNonce } from './ids.ts'
import { fingerprint } from './known-hosts.ts'
import { runProgram } from './process.ts'
import { replaceFile } from './whole-file.ts'

/** This machine's clan key, made or found. */
export type ClanKey = {
  /** False when there was one already. */
  readonly created: boolean
  /** One line of OpenSSH public key text: type, base64, comment; no line break. */
  readonly publicKey: string
  /** `SHA256:...` */
  readonly fingerprint: string
}

const KEYGEN_TIMEOUT_MS = 20_000
const MAX_KEY_BYTES = 64 * 1024

/**
 * Make this machine's clan key when it has none, else check the one it has; its `.pub` is written with it.
 *
 * The key is made by ssh-keygen: the SSH library's own generator makes an unusable ed25519 key once in 256. Of two
 * runs at the same time one makes the key and both return it.
 *
 * @param comment  shown behind the public key, one line
 * @throws {ClawError} `bad-key` for a key that does not load, `command-failed` without ssh-keygen, `timeout`,
 *   `store-unavailable` when the folder cannot be written
 */
export async function ensureClanKey(
  paths: Pick<HomePaths, 'clanKey' | 'keys'>,
  comment: string,
): Promise<ClanKey> {
  const created = existsSync(paths.clanKey) ? false : await makeKey(paths, comment)
  const words = (await publicHalf(paths.clanKey)).split(' ')
  const [type = '', base64 = '', ...own] = words
  // ssh-keygen prints the comment it finds in the private key.
  const publicKey = [type, base64, own.join(' ') || comment].join(' ')
  orUnavailable(paths.clanKey, () => writePublic(`${paths.clanKey}.pub`, `${publicKey}\n`))
  return { created, publicKey, fingerprint: fingerprint(Buffer.from(base64, 'base64')) }
}

/** The clan key's file, to log in with. @throws {ClawError} `bad-key` as `readPrivateKey` */
export const readClanKey = (paths: Pick<HomePaths, 'clanKey'>): Buffer => readPrivateKey(paths.clanKey)

/**
 * A private key file, to log in with. Like OpenSSH we take none that others may read: it may be known already.
 *
 * @throws {ClawError} `bad-key` when it is missing, readable by group or others, or no file of at most 64 KiB
 */
export function readPrivateKey(file: string): Buffer {
  try {
    const { mode, size } = statSync(file)
    if ((mode & 0o077) !== 0) {
      throw unusable(
        file,
        'others may read it',
        `Run "chmod 600 ${file}"; if others did read it, make a new key`,
      )
    }
    if (size > MAX_KEY_BYTES) throw unusable(file, `it is longer than ${MAX_KEY_BYTES} bytes`)
    return readFileSync(file)
  } catch (error) {
    if (error instanceof ClawError) throw error
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const why = isMissing ? 'there is no such file' : error instanceof Error ? error.message : String(error)
    throw unusable(
      file,
      why,
      isMissing ? 'Run "claw-setup-ssh check": it makes the clan key if missing' : undefined,
    )
  }
}

/** @returns false when somebody else made one meanwhile */
async function makeKey(
  { clanKey, keys }: Pick<HomePaths, 'clanKey' | 'keys'>,
  comment: string,
): Promise<boolean> {
  const draft = `${clanKey}.${newNonce().slice(0, 16)}.new`
  orUnavailable(keys, () => mkdirSync(keys, { recursive: true, mode: 0o700 }))
  try {
    await keygen(['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', draft])
    await publicHalf(draft)
    chmodSync(draft, 0o600)
    linkSync(draft, clanKey) // unlike a rename it never replaces a key that others may already know
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    for (const file of [draft, `${draft}.pub`]) rmSync(file, { force: true })
  }
}

/**
 * The public half as ssh-keygen reads it from the private file; the SSH library must be able to load it, too.
 *
 * @throws {ClawError} `bad-key`, `command-failed` without ssh-keygen, `timeout`
 */
export async function publicHalf(file: string): Promise<string> {
  const key = readPrivateKey(file)
  const { checkPrivateKey } = await import('./ssh.ts')
  checkPrivateKey(key)
  return (await keygen(['-y', '-P', '', '-f', file])).trim()
}

async function keygen(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram('ssh-keygen', args, { timeoutMs: KEYGEN_TIMEOUT_MS })
  if (code === 0) return stdout
  throw new ClawError(
    'bad-key',
    `Cannot make or read the clan key: ssh-keygen says ${quoteValue(stderr.trim())}`,
  )
}

/** Written only when it differs, so that a check changes nothing. */
function writePublic(file: string, text: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) replaceFile(file, text, 0o600)
}

function orUnavailable<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ClawError('store-unavailable', `Cannot write "${path}": ${why}`, { cause })
  }
}

const unusable = (file: string, why: string, hint?: string): ClawError =>
  new ClawError('bad-key', `Cannot use the private key "${file}": ${why}`, hint === undefined ? {} : { hint })

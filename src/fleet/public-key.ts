import { parseValue, type Source, z } from './parse.ts'

/** A public key as OpenSSH writes it, without its comment. */
export type PublicKey = {
  readonly type: string
  /** The key blob of RFC 4253 section 6.6, base64 with padding. */
  readonly base64: string
}

/** What an sshd may show as its host key; DSA and security-key types are not used by hosts any more or yet. */
export const HOST_KEY_TYPES = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
] as const

/** Clan keys are of one type: made by ourselves, never imported. */
export const CLAN_KEY_TYPES = ['ssh-ed25519'] as const

const MAX_BASE64 = 4096

/** One line of public key text, `type base64`, without comment and newline. */
export const publicKeyText = ({ type, base64 }: PublicKey): string => `${type} ${base64}`

/** Same algorithm and same key. */
export const sameKey = (a: PublicKey, b: PublicKey): boolean => a.type === b.type && a.base64 === b.base64

/** Validator for a document's field that holds one line of public key text. */
export const keyField = (types: readonly string[]) =>
  z.string().check(
    z.refine(text => readKey(text, types) !== undefined, {
      error: `one line of OpenSSH public key text of type ${types.join(', ')}`,
    }),
  )

/**
 * Read one line of OpenSSH public key text; a comment behind the key is dropped.
 *
 * The blob must begin with its own type (RFC 4253 section 6.6), so a key cannot pass under another name.
 *
 * @param types  what is allowed here: `HOST_KEY_TYPES` or `CLAN_KEY_TYPES`
 * @throws {ClawError} `bad-input` for anything else
 */
export function parsePublicKey(value: unknown, types: readonly string[], source: Source): PublicKey {
  const key = readKey(parseValue(keyField(types), value, source), types)
  if (key === undefined) throw new TypeError('a key that passed its validator reads as none')
  return key
}

function readKey(text: string, types: readonly string[]): PublicKey | undefined {
  const [type = '', base64 = ''] = text.split(/[ \t]/, 2)
  if (!types.includes(type) || /[\r\n]/.test(text) || base64.length > MAX_BASE64) return undefined
  return typeInBlob(base64) === type ? { type, base64 } : undefined
}

/** The type a blob names itself: a length in four bytes, then the text. Undefined for what is no canonical base64. */
function typeInBlob(base64: string): string | undefined {
  try {
    const bytes = atob(base64)
    const length = [...bytes.slice(0, 4)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0)
    return btoa(bytes) === base64 && bytes.length > 4 + length ? bytes.slice(4, 4 + length) : undefined
  } catch {
    return undefined
  }
}

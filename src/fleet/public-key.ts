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

/** The type a blob names itself: its first field. Undefined for what is no canonical base64 or not whole fields. */
function typeInBlob(base64: string): string | undefined {
  try {
    const bytes = atob(base64)
    const fields = btoa(bytes) === base64 ? fieldsOf(bytes) : []
    return fields.length > 1 ? fields[0] : undefined
  } catch {
    return undefined
  }
}

/** The fields of a blob, each a length in four bytes and that many bytes; none when they do not fill it. */
function fieldsOf(bytes: string): readonly string[] {
  const fields: string[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const length = [...bytes.slice(at, at + 4)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0)
    fields.push(bytes.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return at === bytes.length ? fields : []
}

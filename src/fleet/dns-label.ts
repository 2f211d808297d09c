import { type GatewayId, idKey } from './parse.ts'
import { safeName } from './text.ts'

/** A DNS label holds at most 63 bytes (RFC 1035 section 2.3.4); a longer one makes a packet nobody can decode. */
export const MAX_LABEL_BYTES = 63

/** Bytes of a text in UTF-8. */
export const utf8Length = (text: string): number => new TextEncoder().encode(text).length

/** The longest beginning of a text that fits into `maxBytes` of UTF-8, never cutting a code point in two. */
export function truncateUtf8(text: string, maxBytes: number): string {
  let bytes = 0
  let kept = ''
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > maxBytes) return kept
    kept += character
  }
  return kept
}

/**
 * The DNS-SD instance label for a friendly name: at most 63 bytes, Net-Unicode (RFC 6763 section 4.1.3).
 *
 * Dots become hyphens, because the packet library joins labels by dots and would read two labels in one name; the
 * true name travels in the TXT record.
 *
 * @param attempt  1 for the name itself; 2 and more, after conflicts, append ` (2)` as RFC 6762 section 9 suggests
 */
export function instanceLabel(name: string, attempt: number): string {
  const suffix = attempt <= 1 ? '' : ` (${attempt})`
  const plain = safeName(name, 'claw-clan').normalize('NFC').replaceAll('.', '-')
  const kept = truncateUtf8(plain, MAX_LABEL_BYTES - utf8Length(suffix)).trim()
  return `${kept === '' ? 'claw-clan' : kept}${suffix}`
}

/**
 * The host label that our SRV record points at: `claw-<id>`, at most 63 bytes.
 *
 * It is our own and not the machine's host name: `<hostname>.local` belongs to avahi or mDNSResponder on the same
 * machine, which would defend it against us, or rename the machine, whenever our address set differs from theirs.
 *
 * Ids are unique regardless of case, and so are labels; an id that had to be changed to make a label gets a hash, so
 * that `a.b` and `a_b` stay apart.
 */
export function hostLabel(id: GatewayId, attempt: number): string {
  const suffix = attempt <= 1 ? '' : `-${attempt}`
  const plain = idKey(id)
  const room = MAX_LABEL_BYTES - 'claw-'.length - suffix.length
  if (/^[a-z0-9-]+$/.test(plain) && plain.length <= room) return `claw-${plain}${suffix}`
  const hash = fnv1a(plain)
  return `claw-${plain.replaceAll(/[^a-z0-9]/g, '-').slice(0, room - hash.length - 1)}-${hash}${suffix}`
}

/** FNV-1a, 32 bits, as 8 hex digits: spreads similar ids, protects against nothing. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

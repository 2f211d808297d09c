import type { KeyFileText } from './authorized-keys.ts'
import { ClawError } from './error.ts'
import { type GatewayId, isGatewayId } from './parse.ts'
import { CLAN_KEY_TYPES, type PublicKey, parsePublicKey } from './public-key.ts'

/** One line of ours in an authorized_keys file: whose clan key may start which gate. */
export type FoundGrant = {
  readonly gatewayId: GatewayId
  /** The forced command as it stands there, quotes of sshd's option syntax taken off. */
  readonly command: string
  readonly key: PublicKey
}

// Of backslashes only the one before a quote means something to sshd.
const LINE = /^restrict,command="((?:\\"|[^"])*)" (\S+ \S+) claw-clan:(\S+)\r?$/

/** Every grant of ours in a file, in its order; other people's lines are passed over. */
export function grantsIn(text: KeyFileText): readonly FoundGrant[] {
  return text.split('\n').flatMap(line => {
    const [, command = '', key = '', id = ''] = LINE.exec(line) ?? []
    const publicKey = keyOrNothing(key)
    if (publicKey === undefined || !isGatewayId(id)) return []
    return [{ gatewayId: id, command: asText(command).replaceAll('\\"', '"'), key: publicKey }]
  })
}

function keyOrNothing(text: string): PublicKey | undefined {
  try {
    return parsePublicKey(text, CLAN_KEY_TYPES, 'authorized_keys')
  } catch (error) {
    if (error instanceof ClawError) return undefined
    throw error
  }
}

/** One character per byte, read as the UTF-8 that was written. */
const asText = (bytes: KeyFileText): string =>
  new TextDecoder().decode(Uint8Array.from(bytes, character => character.charCodeAt(0)))

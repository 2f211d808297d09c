import { truncateUtf8 } from './dns-label.ts'
import type { Identity } from './identity.ts'
import { type GatewayId, isGatewayId } from './parse.ts'
import { isSafeText, safeName } from './text.ts'

/** DNS-SD type that claw-clan machines announce, ours and the bash version's. */
export const SERVICE_TYPE = '_openclaw._tcp.local'
/** DNS-SD type that OpenClaw gateways announce by themselves. */
export const GATEWAY_TYPE = '_openclaw-gw._tcp.local'

/** What one machine says by mDNS: everything but its addresses and the number a name conflict adds. */
export type Announcement = {
  /** Name to show; the DNS-SD instance is made of it. */
  readonly name: string
  readonly gatewayId: GatewayId
  /** Port of this machine's sshd. */
  readonly port: number
  /** `key=value`, each at most 255 bytes of UTF-8. */
  readonly txt: readonly string[]
}

/** One service instance as heard, every part of it hostile. */
export type HeardService = {
  /** The instance label, without type and domain. */
  readonly instance: string
  readonly port: number
  readonly txt: readonly Uint8Array[]
  /** IPv4 addresses claimed for the SRV target, in any order. */
  readonly addresses: readonly string[]
  /** Address the packets came from. */
  readonly sourceIp: string
}

/** One machine seen by mDNS, parsed and bounded, not yet believed. */
export type Sighting = {
  readonly gatewayId: GatewayId
  readonly name: string
  /** 1..9999; 0 when missing or bad: never leads. */
  readonly leadNumber: number
  readonly ip: string
  readonly port: number
  readonly version: string
  /** Clan key fingerprint it claims. */
  readonly clanKey?: string
  /** Address the packets came from; differs from `ip` when relayed or made up. */
  readonly sourceIp: string
}

/** An OpenClaw gateway that announced itself. */
export type GatewayListing = { readonly name: string; readonly ip: string; readonly port: number }

export type SightingReading =
  | { readonly kind: 'sighting'; readonly sighting: Sighting }
  | { readonly kind: 'refused'; readonly reason: string }

/** One TXT item holds at most 255 bytes: its length is one byte (RFC 6763 section 6.1). */
const MAX_TXT_BYTES = 255
/** More items than any announcer of these types sends; the rest is not looked at. */
const MAX_TXT_ITEMS = 32

/**
 * What this machine announces: the four keys of the bash version, so that mixed fleets see each other, and the
 * fingerprint of the clan key.
 */
export function announcementOf(self: Identity): Announcement {
  const { gatewayId, name, leadNumber, version, clanKey, sshPort } = self
  const facts = [`gateway=${gatewayId}`, `name=${name}`, `lead=${leadNumber}`, `version=${version}`]
  const keys = clanKey === undefined ? [] : [`id=${clanKey}`]
  return {
    name,
    gatewayId,
    port: sshPort,
    txt: [...facts, ...keys].map(item => truncateUtf8(item, MAX_TXT_BYTES)),
  }
}

/**
 * Read one heard `_openclaw._tcp` instance.
 *
 * The friendly name of the TXT record wins over the instance label, which carries conflict numbers.
 *
 * @returns the sighting, or in a few words why there is none; nothing of what was heard is in those words
 */
export function parseSighting(heard: HeardService): SightingReading {
  const facts = parseTxt(heard.txt)
  const gatewayId = facts.get('gateway') ?? ''
  if (!isGatewayId(gatewayId)) return { kind: 'refused', reason: 'no valid gateway id' }
  const ip = chooseAddress(heard)
  if (ip === undefined) return { kind: 'refused', reason: 'no usable address' }
  if (!isPort(heard.port)) return { kind: 'refused', reason: 'no valid port' }
  const version = facts.get('version') ?? ''
  const clanKey = facts.get('id') ?? ''
  const sighting: Sighting = {
    gatewayId,
    name: safeName(facts.get('name') ?? heard.instance, gatewayId),
    leadNumber: readLead(facts.get('lead') ?? ''),
    ip,
    port: heard.port,
    version: version.length <= 64 && isSafeText(version) ? version : '',
    ...(/^SHA256:[A-Za-z0-9+/]{43}$/.test(clanKey) ? { clanKey } : {}),
    sourceIp: heard.sourceIp,
  }
  return { kind: 'sighting', sighting }
}

/**
 * Read one heard `_openclaw-gw._tcp` instance. The port is SRV's and the address A's; TXT only lends its name.
 *
 * @returns undefined without usable address and port
 */
export function parseGatewayListing(heard: HeardService): GatewayListing | undefined {
  const ip = chooseAddress(heard)
  if (ip === undefined || !isPort(heard.port)) return undefined
  const name = parseTxt(heard.txt).get('displayname') ?? heard.instance
  return { name: safeName(name, ip), ip, port: heard.port }
}

/** True for a dotted IPv4 address as we write it; host names and IPv6 addresses are not. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535

/** Lead numbers are 1..9999 without leading zeros; everything else means "never leads". */
const readLead = (text: string): number => (/^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0)

/** Keys in lower case; the first of equal keys counts (RFC 6763 section 6.4); items that are no UTF-8 are left out. */
function parseTxt(items: readonly Uint8Array[]): ReadonlyMap<string, string> {
  const facts = new Map<string, string>()
  for (const item of items.slice(0, MAX_TXT_ITEMS)) {
    const text = decodeUtf8(item)
    const equals = text.indexOf('=')
    const key = text.slice(0, Math.max(equals, 0)).toLowerCase()
    if (key !== '' && !facts.has(key)) facts.set(key, text.slice(equals + 1))
  }
  return facts
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ''
  }
}

/** The address the packet came from, if claimed; else the first that could be a machine's. */
function chooseAddress({ addresses, sourceIp }: HeardService): string | undefined {
  const isLocal = sourceIp.startsWith('127.')
  const usable = addresses.filter(ip => isIpv4(ip) && isHost(ip) && (isLocal || !ip.startsWith('127.')))
  return usable.includes(sourceIp) ? sourceIp : usable[0]
}

/** Not "this network", multicast, reserved or broadcast. */
function isHost(ip: string): boolean {
  const first = Number(ip.split('.')[0])
  return first > 0 && first < 224
}

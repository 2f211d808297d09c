import type { Identity } from './identity.ts'
import type { GatewayId } from './parse.ts'

/** DNS-SD type that claw-clan machines announce, ours and the bash version's. */
export const SERVICE_TYPE = '_openclaw._tcp.local'
/** DNS-SD type that OpenClaw gateways announce by themselves. */
export const GATEWAY_TYPE = '_openclaw-gw._tcp.local'

/** What one machine says by mDNS: everything but names that depend on conflicts, and addresses. */
export type Announcement = {
  /** Name to show; the DNS-SD instance is made of it. */
  readonly name: string
  readonly gatewayId: GatewayId
  /** Port of this machine's sshd. */
  readonly port: number
  /** `key=value`, each at most 255 bytes of UTF-8. */
  readonly txt: readonly string[]
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
  /** Address the packet came from; differs from `ip` when relayed or made up. */
  readonly sourceIp: string
}

/** An OpenClaw gateway that announced itself. */
export type GatewayListing = { readonly name: string; readonly ip: string; readonly port: number }

/** What this machine announces of itself. */
export function announcementOf(_self: Identity): Announcement {
  throw new Error('not written yet')
}

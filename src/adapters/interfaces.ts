/** One IPv4 address of one network interface. */
export type LinkAddress = {
  readonly name: string
  readonly address: string
  readonly netmask: string
  readonly mac: string
  readonly internal: boolean
}

/**
 * The interfaces to announce and browse on.
 *
 * @param wanted  interface names or addresses (settings `mdns.interfaces`); empty means every real one: not loopback,
 *                not a container's, a tunnel's or a virtual machine's
 */
export function linkAddresses(_wanted: readonly string[]): readonly LinkAddress[] {
  throw new Error('not written yet')
}

/** Every IPv4 address of this machine, loopback included. */
export function ownAddresses(): readonly string[] {
  throw new Error('not written yet')
}

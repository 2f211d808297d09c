import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/** One IPv4 subnet that one network interface is in, and our address there. */
export type LinkAddress = {
  readonly name: string
  readonly address: string
  readonly netmask: string
}

/** Networks inside this machine, and tunnels that carry no multicast. `br0` is not among them: it may be the LAN. */
const NOT_A_LAN =
  /^(docker|veth|br-|virbr|vnet|vmnet|vboxnet|lxc|lxd|podman|cni|flannel|cali|nerdctl|dummy|utun|tun|tap|wg|tailscale|zt|ppp|awdl|llw|bridge\d|anpi|gif|stf)/

type Entry = LinkAddress & { readonly internal: boolean; readonly fingerprint: string }

/**
 * The links to announce and browse on: one per interface and subnet.
 *
 * @param wanted  interface names or addresses (settings `mdns.interfaces`); empty means every real one: not loopback,
 *                not a container's, a tunnel's or a virtual machine's
 */
export function linkAddresses(wanted: readonly string[]): readonly LinkAddress[] {
  const links = chosen(wanted).map(({ name, address, netmask }) => ({ name, address, netmask }))
  // A second address in the same subnet hears nothing that the first does not.
  return links.filter(
    (link, at) => links.findIndex(other => other.name === link.name && isOnLink(other, link.address)) === at,
  )
}

/**
 * A text that differs when a membership made earlier may be deaf now: names, addresses, netmasks, hardware addresses
 * and the kernel's interface number, which alone tells an interface from its successor of the same name and address.
 */
export function linkFingerprint(wanted: readonly string[]): string {
  return chosen(wanted)
    .map(entry => entry.fingerprint)
    .join('\n')
}

/** Every IPv4 address of this machine, loopback included. */
export const ownAddresses = (): readonly string[] => entries().map(entry => entry.address)

/** True when the subnet of a link holds an address; a packet from anywhere else was not meant for that link. */
export function isOnLink(link: Pick<LinkAddress, 'address' | 'netmask'>, ip: string): boolean {
  const mask = asNumber(link.netmask)
  return (asNumber(link.address) & mask) === (asNumber(ip) & mask)
}

const asNumber = (ip: string): number =>
  ip.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0)

function chosen(wanted: readonly string[]): readonly Entry[] {
  return entries().filter(entry =>
    wanted.length === 0
      ? !entry.internal && !NOT_A_LAN.test(entry.name)
      : wanted.includes(entry.name) || wanted.includes(entry.address),
  )
}

function entries(): readonly Entry[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list = []]) => {
    const index = interfaceIndex(name, list)
    return list.flatMap(({ family, address, netmask, mac, internal }) =>
      family === 'IPv4'
        ? [{ name, address, netmask, internal, fingerprint: [name, address, netmask, mac, index].join(' ') }]
        : [],
    )
  })
}

/** Node tells the number only as the scope of a link-local IPv6 address; Linux tells it in /sys as well. */
function interfaceIndex(name: string, list: readonly { readonly scopeid?: number }[]): string {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8').trim()
    } catch {
      return '' // gone since it was listed, or /sys is not mounted
    }
  }
  return String(list.find(({ scopeid }) => scopeid !== undefined && scopeid > 0)?.scopeid ?? '')
}

import type { DiscoverDeps } from '../actions/discover.ts'
import { parseWholeNumber } from '../fleet/parse.ts'
import { openProbe, type ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

/** Everything `claw-discover` needs; SSH is loaded only when a peer has to prove a new address. */
export async function discoverDeps(
  home: ReadyHome,
  { progress }: Pick<Terminal, 'progress'>,
): Promise<DiscoverDeps> {
  const [{ browse }, { ownAddresses }] = await Promise.all([
    import('../adapters/mdns-browse.ts'),
    import('../adapters/interfaces.ts'),
  ])
  return {
    self: home.self,
    store: home.store,
    clock: home.clock,
    browse,
    interfaces: home.settings['mdns.interfaces'],
    ownAddresses: ownAddresses(),
    probeAt: async (peer, ip, sshPort) => {
      const probe = await openProbe(home)
      return (await probe({ ...peer, ip, sshPort })).kind === 'ack'
    },
    onProgress: (found, elapsedMs) =>
      progress(`listening, ${Math.round(elapsedMs / 1000)} s: ${found} found`),
  }
}

/** How long to listen, as typed: 1 to 60 seconds, undefined when nothing was said. */
export const secondsToListen = (typed: string | undefined): number | undefined =>
  typed === undefined ? undefined : parseWholeNumber(typed, 1, 60, 'SECONDS')

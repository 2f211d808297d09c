import { once } from 'node:events'
import type { PeerLine, ServePeerDeps } from '../actions/serve-peer.ts'
import { VERSION } from '../adapters/version.ts'
import { PROGRAM } from './announcer-order.ts'
import type { ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

/** stdin and stdout as the line to another machine. */
export function peerLine(): PeerLine {
  // The other machine hung up between two answers: there is nobody left to tell.
  process.stdout.on('error', () => process.exit(0))
  return {
    input: process.stdin,
    write: async text => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
  }
}

/** What `claw-peer serve` works with. */
export const servePeerDeps = (
  { store, clock, paths }: ReadyHome,
  { warn }: Pick<Terminal, 'warn'>,
): ServePeerDeps => ({
  store,
  clock,
  registration: async () => {
    const { askPresence } = await import('../adapters/presence.ts')
    const announcer = await askPresence(paths.locks, PROGRAM)
    if (announcer === undefined) return 'stopped'
    return announcer.pid === 0 ? 'unknown' : 'running'
  },
  versions: { program: VERSION, node: process.versions.node },
  onBug: error => warn(error instanceof Error ? (error.stack ?? error.message) : String(error)),
})

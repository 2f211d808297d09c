import type { RegisterDeps } from '../actions/register.ts'
import type { ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

/** Everything `claw-register run` needs; the announcer, and with it the network, is loaded here. */
export async function registerDeps(home: ReadyHome, { warn }: Pick<Terminal, 'warn'>): Promise<RegisterDeps> {
  const [{ announce }, { fileStamp }] = await Promise.all([
    import('../adapters/mdns-announce.ts'),
    import('../adapters/file-stamp.ts'),
  ])
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  return {
    store: home.store,
    selfStamp: async () => fileStamp(home.paths.state),
    announce,
    interfaces: home.settings['mdns.interfaces'],
    clock: home.clock,
    signal: stop.signal,
    onNotice: warn,
  }
}

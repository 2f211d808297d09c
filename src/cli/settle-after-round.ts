import type { PingedPeer } from '../actions/ping.ts'
import type { settlePending } from '../actions/settle-pending.ts'
import { idKey } from '../fleet/parse.ts'
import { isDue } from '../fleet/pending.ts'
import type { Run } from './command-shape.ts'
import { openHome, type ReadyHome } from './home.ts'
import type { Options } from './option.ts'
import { doneLine } from './render-pending.ts'

/** No new login is begun after this; a run under cron must be over long before the next one. */
const BUDGET_MS = 30_000

/**
 * Do what waits for the machines that have just answered, if the owner's keys open them without asking: at first
 * contact at once, after a failure ever later. Nothing is loaded for it while nothing waits.
 */
export async function settleAfterRound(
  { peers }: { readonly peers: readonly Pick<PingedPeer, 'gatewayId' | 'outcome'>[] },
  { home: given, terminal }: Pick<Run<Options>, 'home' | 'terminal'>,
  load: () => Promise<typeof settlePending>,
): Promise<void> {
  const answered = new Set(
    peers.filter(({ outcome }) => outcome === 'ack').map(({ gatewayId }) => idKey(gatewayId)),
  )
  if (answered.size === 0) return
  await using home = await openHome({ home: given, terminal }, true)
  const isThere = (id: string) => answered.has(idKey(id))
  if (!(await home.store.pending()).some(({ gatewayId }) => isThere(gatewayId))) return
  const { trustLock } = await import('./with-home.ts')
  using lock = await trustLock(home, 0)
  // Another run is changing whom machines trust, and does this as well.
  if (lock === undefined) return
  const settled = await settleNow(home, terminal, { isThere, load })
  terminal.progress('')
  if (!terminal.isTty) return
  for (const one of settled) if (one.state === 'done') terminal.warn(doneLine(one))
}

async function settleNow(
  home: ReadyHome,
  terminal: Run<Options>['terminal'],
  {
    isThere,
    load,
  }: { readonly isThere: (id: string) => boolean; readonly load: () => Promise<typeof settlePending> },
) {
  const { clock, settings } = home
  const [{ sshDeps }, settle] = await Promise.all([import('./ssh-deps.ts'), load()])
  const deps = await sshDeps(home, { ...terminal, canAsk: false })
  const now = clock.now()
  const end = clock.monotonicMs() + BUDGET_MS
  return settle(deps, {
    isThere,
    isDue: item => isDue(item, now, settings.pingIntervalMinutes),
    mayGoOn: () => clock.monotonicMs() < end,
  })
}

import type { PingDeps } from '../actions/ping.ts'
import { type Clock, systemClock } from '../adapters/clock.ts'
import { type HomePaths, homePaths } from '../adapters/home-paths.ts'
import { readSettingsFile } from '../adapters/settings-file.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import type { Peer } from '../fleet/peer.ts'
import type { ProbeOutcome } from '../fleet/probe.ts'
import type { Settings, SettingsReading } from '../fleet/settings.ts'
import { scheduleShift } from '../fleet/shift.ts'
import { openJsonFleet } from '../store/json-fleet.ts'
import type { FleetStore } from '../store/store.ts'
import type { Terminal } from './terminal.ts'

/** One machine's home, opened: what every program starts from. */
export type Home = AsyncDisposable & {
  readonly paths: HomePaths
  readonly clock: Clock
  readonly store: FleetStore
  readonly settings: Settings
  /** Everything the owner should know about the settings file, one line each. */
  readonly settingsWarnings: readonly string[]
  /** What else ends with the home: put there by whoever opened it. */
  readonly closing: AsyncDisposableStack
}

/** A home in which `claw-setup` has run. */
export type ReadyHome = Home & { readonly self: Identity }

export type HomeRequest = { readonly home: string | undefined; readonly terminal: Pick<Terminal, 'isTty'> }

/**
 * Open a home that may not be set up yet.
 *
 * @param lenient  use defaults for bad settings also on a terminal: for programs that show what is wrong
 * @throws {ClawError} `bad-settings` on a terminal, unless lenient
 */
export async function openAnyHome({ home, terminal }: HomeRequest, lenient = false): Promise<Home> {
  const paths = homePaths(home)
  const reading = await readSettingsFile(paths, process.env)
  const [problem] = reading.problems
  if (problem !== undefined && terminal.isTty && !lenient) throw problem
  const store = openJsonFleet({ paths, clock: systemClock })
  const closing = new AsyncDisposableStack()
  closing.use(store)
  return {
    paths,
    clock: systemClock,
    store,
    settings: reading.settings,
    settingsWarnings: warningsOf(reading),
    closing,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/**
 * Open a home in which `claw-setup` has run.
 *
 * @throws {ClawError} `not-set-up` naming the home and the command that makes one; `damaged-state`
 */
export async function openHome(request: HomeRequest, lenient = false): Promise<ReadyHome> {
  const home = await openAnyHome(request, lenient)
  const self = await home.store.self()
  if (self === undefined) throw notSetUp(home)
  return { ...home, self }
}

/** The error of a program that needs a home in which `claw-setup` has run. */
export const notSetUp = ({ paths }: Pick<Home, 'paths'>): ClawError =>
  new ClawError('not-set-up', `This machine is not set up: no "${paths.state}"`, {
    hint: 'Run "claw-setup --yes", or claw-setup with the flags of "claw-setup --help"',
  })

function warningsOf({ problems, unknownKeys }: SettingsReading): readonly string[] {
  const unknown = unknownKeys.length === 0 ? [] : [`Unknown settings are ignored: ${unknownKeys.join(', ')}`]
  return [...problems.map(problem => `${problem.message}; the default is used`), ...unknown]
}

/**
 * The probe of one round: reads the clan key and the pinned host keys once, asks each peer with a fresh nonce.
 * SSH is loaded here, so that programs that probe nobody start without it.
 */
export async function openProbe({
  paths,
  settings,
}: Pick<Home, 'paths' | 'settings'>): Promise<(peer: Peer) => Promise<ProbeOutcome>> {
  const [{ probePeer }, { readPins }, { readClanKey }, { jitterMs, newNonce }] = await Promise.all([
    import('../adapters/peer-probe.ts'),
    import('../adapters/known-hosts.ts'),
    import('../adapters/ssh-keys.ts'),
    import('../adapters/ids.ts'),
  ])
  const pins = readPins(paths.knownHosts)
  const key = keyOrNothing(() => readClanKey(paths))
  return peer =>
    probePeer(peer, {
      key,
      pins: pins.get(peer.gatewayId.toLowerCase()) ?? [],
      timeoutMs: settings.pingTimeoutSeconds * 1000,
      nonce: newNonce(),
      retryAfterMs: jitterMs(1000, 3000),
    })
}

/** Everything a ping round needs, with its progress on the terminal. SSH is loaded when the first peer is asked. */
export function pingDeps(home: ReadyHome, { progress }: Pick<Terminal, 'progress'>): PingDeps {
  const { self, store, clock, settings } = home
  let opened: ReturnType<typeof openProbe> | undefined
  return {
    self,
    store,
    clock,
    settings,
    probe: async peer => {
      opened ??= openProbe(home)
      return (await opened)(peer)
    },
    ownNetworkFails: async () => (await import('../adapters/network.ts')).ownNetworkFails(),
    onProgress: (done, total) => progress(`probed ${done} of ${total}`),
  }
}

/** Without a usable clan key no probe can be made; that is our fault and blames nobody. */
function keyOrNothing(read: () => Buffer): Buffer | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ClawError && error.code === 'bad-key') return undefined
    throw error
  }
}

/** Under a schedule all machines start in the same second; this one waits for its own. */
export async function waitForOwnSecond({ self, settings, clock }: ReadyHome): Promise<void> {
  await clock.sleep(scheduleShift(self.gatewayId, settings.pingIntervalMinutes).second * 1000)
}

/** Write what an unattended run found wrong with the settings into the events, each finding once. */
export async function recordSettingsProblems({ store, clock, settingsWarnings }: Home): Promise<void> {
  if (settingsWarnings.length === 0) return
  const known = await store.events(1000)
  const seen = new Set(
    known.filter(({ event }) => event === 'settings_problem').map(({ data }) => data.message),
  )
  const timestamp = clock.now().toISOString()
  const fresh = settingsWarnings.filter(message => !seen.has(message))
  if (fresh.length === 0) return
  await store.recordEvents(
    fresh.map(message => ({ timestamp, event: 'settings_problem', data: { message } })),
  )
}

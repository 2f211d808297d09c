import type { Clock } from '../adapters/clock.ts'
import { ntfyUrlOf } from '../fleet/alert-target.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Settings } from '../fleet/settings.ts'
import type { FleetStore } from '../store/store.ts'
import { identityIn, readAnswer, type SetupAnswers, type WantedIdentity } from './setup-answers.ts'
import { type CurrentAnswers, type Former, type FormerDeps, readFormer } from './setup-former.ts'
import { settingsOf } from './setup-settings.ts'
import { formerIdOf, setupWarnings } from './setup-warnings.ts'

export type SetupDeps = FormerDeps & {
  readonly store: FormerDeps['store'] & Pick<FleetStore, 'saveSelf'>
  readonly clock: Pick<Clock, 'now'>
  readonly version: string
  /** Makes the clan key if there is none; returns its fingerprint. */
  readonly ensureClanKey: (
    gatewayId: GatewayId,
  ) => Promise<{ readonly created: boolean; readonly fingerprint: string }>
  /** Writes `bin/`; returns the paths written. */
  readonly writeLaunchers: () => readonly string[]
  /** Writes `config.json` with the main settings where there is none. @returns true when written */
  readonly ensureConfig: () => Promise<boolean>
  /** @returns true when anything was new */
  readonly changeSettings: (changes: Partial<Settings>) => Promise<boolean>
}

export type SetupMode = {
  /** `--yes`: unanswered questions get their default instead of stopping. */
  readonly takeDefaults: boolean
  readonly dryRun: boolean
}

export type SetupResult = {
  readonly self: Identity
  /** False when nothing of the identity was new. */
  readonly changed: boolean
  readonly firstTime: boolean
  /** The gateway id of before, where it is another now; null otherwise. */
  readonly formerId: GatewayId | null
  readonly dryRun: boolean
  readonly clanKeyCreated: boolean
  readonly configWritten: boolean
  /** Settings that were new, by key. */
  readonly settingsChanged: readonly string[]
  readonly answers: Pick<CurrentAnswers, 'allowRestart' | 'ntfy'>
  readonly launchers: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Give this machine its identity, its clan key, its settings and its launchers; nothing else is touched.
 *
 * Safe to repeat: what was not asked to change stays, unknown keys of an older home included. A damaged `state.json`
 * is set aside and written anew from what the rest of the home and the answers say.
 *
 * @throws {ClawError} `bad-input` for an answer that is not allowed; `missing-answer` naming the flags
 */
export async function setUp(deps: SetupDeps, answers: SetupAnswers, mode: SetupMode): Promise<SetupResult> {
  const former = await readFormer(deps)
  const wanted = identityIn(answers)
  checkId(wanted, former)
  requireAnswers(wanted, former, mode)
  const draft = identityOf(wanted, former, deps, mode)
  const settings = settingsOf(answers, { former, state: deps.settings, takeDefaults: mode.takeDefaults })
  const same = isSame(draft, former)
  const plan: SetupResult = {
    self: draft,
    changed: !same,
    firstTime: former.known === undefined,
    formerId: formerIdOf(draft, former),
    dryRun: mode.dryRun,
    clanKeyCreated: false,
    configWritten: false,
    settingsChanged: Object.keys(settings),
    answers: {
      allowRestart: settings['allow.restartGateway'] ?? former.answers.allowRestart,
      ntfy: settings.alerts === undefined ? former.answers.ntfy : ntfyUrlOf(settings.alerts),
    },
    launchers: [],
    warnings: setupWarnings(draft, former, deps.settings),
  }
  return mode.dryRun ? plan : await carryOut(deps, { plan, settings, former })
}

type Errand = {
  readonly plan: SetupResult
  readonly settings: Partial<Settings>
  readonly former: Former
}

async function carryOut(deps: SetupDeps, { plan, settings, former }: Errand): Promise<SetupResult> {
  const { known } = former
  const key = await deps.ensureClanKey(plan.self.gatewayId)
  const self: Identity = { ...plan.self, clanKey: key.fingerprint }
  const configWritten = await deps.ensureConfig()
  if (plan.settingsChanged.length > 0) await deps.changeSettings(settings)
  const launchers = deps.writeLaunchers()
  if (plan.changed || known?.clanKey !== key.fingerprint || known.version !== deps.version)
    await deps.store.saveSelf(self)
  return { ...plan, self, clanKeyCreated: key.created, configWritten, launchers }
}

const SETTLED = ['gatewayId', 'name', 'leadNumber', 'sshUser', 'sshPort', 'githubRepo', 'mayBeAway'] as const

const isSame = (draft: Identity, { known, lost }: Former): boolean =>
  known !== undefined && lost === undefined && SETTLED.every(key => known[key] === draft[key])

/** Another machine's id would make two of one: every peer would take us for it, or refuse us. */
function checkId({ gatewayId }: WantedIdentity, { taken }: Former): void {
  if (gatewayId === undefined || !taken.peers.has(idKey(gatewayId))) return
  throw new ClawError(
    'bad-input',
    `Cannot use "${gatewayId}" for --gateway-id: it is an enrolled machine's`,
    {
      hint: `Choose another, or first run "claw-setup-ssh forget ${gatewayId}"`,
    },
  )
}

const FLAGS = {
  gatewayId: '--gateway-id',
  name: '--name',
  lead: '--lead',
  sshUser: '--ssh-user',
} as const

function requireAnswers(wanted: WantedIdentity, former: Former, { takeDefaults }: SetupMode): void {
  const given = { ...wanted, lead: wanted.leadNumber }
  const open = (Object.keys(FLAGS) as (keyof typeof FLAGS)[]).filter(
    key => given[key] === undefined && !former.answered.has(key),
  )
  // Peers know this machine by its id: after damage no default may make a stranger of it.
  const noDefault = former.lost === undefined ? [] : open.filter(key => key === 'gatewayId')
  // An older home may lack an answer (lead number 0); it has run without it so far.
  const askAll = !takeDefaults && (former.known === undefined || former.lost !== undefined)
  const missing = askAll ? open : noDefault
  if (missing.length === 0) return
  throw new ClawError('missing-answer', `Setup needs ${missing.map(key => FLAGS[key]).join(', ')}`, {
    hint:
      former.lost === undefined
        ? 'Give them, or --yes to take the default of each'
        : `Give what they were: ${former.lost.error.message}, and no other file tells`,
  })
}

function identityOf(
  wanted: WantedIdentity,
  { known, answers, answered }: Former,
  { facts, clock, version }: SetupDeps,
  { takeDefaults }: SetupMode,
): Identity {
  const mayBeAway =
    wanted.mayBeAway ?? (answered.has('mayBeAway') || takeDefaults ? answers.mayBeAway : undefined)
  const settled = {
    gatewayId: wanted.gatewayId ?? answers.gatewayId,
    name: wanted.name ?? answers.name,
    leadNumber: wanted.leadNumber ?? answers.lead,
    sshUser: wanted.sshUser ?? readAnswer.sshUser(answers.sshUser),
    sshPort: wanted.sshPort ?? known?.sshPort ?? 22,
    githubRepo: wanted.githubRepo === undefined ? answers.repo : wanted.githubRepo,
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(wanted.installedBy === undefined ? {} : { remoteInstalled: true, installedBy: wanted.installedBy }),
  }
  const former = known ?? {}
  const same = SETTLED.every(key => former[key] === settled[key])
  return {
    ...former,
    ...settled,
    ip: facts.address,
    version,
    registeredAt: former.registeredAt || clock.now().toISOString(),
    incarnation: (former.incarnation ?? 0) + (same ? 0 : 1),
  }
}

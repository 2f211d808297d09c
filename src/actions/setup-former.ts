import { ntfyUrlOf } from '../fleet/alert-target.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import { field, type GatewayId, idKey, isGatewayId, parseValue } from '../fleet/parse.ts'
import type { SettingKey, Settings } from '../fleet/settings.ts'
import { safeName } from '../fleet/text.ts'
import type { LostIdentity } from '../store/lost-identity.ts'
import type { FleetStore } from '../store/store.ts'
import type { Question } from './setup-answers.ts'

/** What this computer says of itself. */
export type ComputerFacts = {
  readonly hostname: string
  /** Name its owner gave it; the host name where there is none. */
  readonly computerName: string
  readonly user: string
  readonly address: string
  readonly hasBattery: boolean
}

/** The settings as they stand. */
export type SettingsState = {
  readonly values: Settings
  readonly givenKeys: readonly SettingKey[]
  /** Why they cannot be changed by us: kept as YAML, named by an environment variable, or broken. */
  readonly fixed: ClawError | undefined
}

export type FormerDeps = {
  readonly store: Pick<FleetStore, 'self' | 'peers' | 'candidates'>
  readonly facts: ComputerFacts
  readonly settings: SettingsState
  /** What other files of the home still say of this machine; asked only when `state.json` is damaged. */
  readonly lostIdentity: () => LostIdentity
}

/** A machine's number and id are its own; these are taken by others we know. */
export type Taken = {
  /** Lead number to the id that has it. */
  readonly leads: ReadonlyMap<number, string>
  /** `idKey` of every peer; the id stands for another machine. */
  readonly peers: ReadonlySet<string>
  /** As `peers`, of machines only heard of. */
  readonly candidates: ReadonlySet<string>
}

/** What holds before this setup, and what each open question would get for a default. */
export type Former = {
  /** As stored; where that is damaged, what is left of it. Undefined at the first setup. */
  readonly known: Partial<Identity> | undefined
  /** The damage of `state.json` and what was learned again. */
  readonly lost: { readonly error: ClawError; readonly sources: readonly string[] } | undefined
  /** Questions that have had an answer. */
  readonly answered: ReadonlySet<Question>
  readonly answers: CurrentAnswers
  readonly taken: Taken
}

/** The answer to every question: the former one, else its default. */
export type CurrentAnswers = {
  readonly gatewayId: GatewayId
  readonly name: string
  readonly lead: number
  readonly sshUser: string
  readonly repo: string | null
  readonly mayBeAway: boolean
  readonly allowRestart: boolean
  readonly ntfy: string | null
}

/** Read what was answered before, from a damaged home as far as it goes. @throws {ClawError} `store-unavailable` */
export async function readFormer(deps: FormerDeps): Promise<Former> {
  const { known, lost } = await identityOf(deps)
  const taken = await takenBy(deps.store)
  return { known, lost, taken, answered: answeredIn(known, deps), answers: answersOf(known, deps, taken) }
}

async function identityOf({ store, lostIdentity }: FormerDeps): Promise<Pick<Former, 'known' | 'lost'>> {
  try {
    return { known: await store.self(), lost: undefined }
  } catch (error) {
    if (!(error instanceof ClawError) || error.code !== 'damaged-state') throw error
    const { known, sources } = lostIdentity()
    return { known, lost: { error, sources } }
  }
}

function answeredIn(known: Former['known'], { settings }: FormerDeps): ReadonlySet<Question> {
  const { givenKeys, fixed } = settings
  const has: Record<Question, boolean> = {
    gatewayId: known?.gatewayId !== undefined,
    name: known?.name !== undefined,
    lead: (known?.leadNumber ?? 0) > 0,
    sshUser: (known?.sshUser ?? '') !== '',
    repo: known?.githubRepo !== undefined || givenKeys.includes('skills.repo'),
    mayBeAway: known?.mayBeAway !== undefined,
    // What cannot be written down is not asked.
    allowRestart: givenKeys.includes('allow.restartGateway') || fixed !== undefined,
    ntfy: givenKeys.includes('alerts') || fixed !== undefined,
  }
  return new Set((Object.keys(has) as Question[]).filter(question => has[question]))
}

function answersOf(known: Former['known'], deps: FormerDeps, taken: Taken): CurrentAnswers {
  const { facts, settings } = deps
  const gatewayId = known?.gatewayId ?? freeId(idFromHostname(facts.hostname), taken)
  return {
    gatewayId,
    name: known?.name ?? safeName(facts.computerName, gatewayId),
    lead: known?.leadNumber || lowestFree(taken.leads),
    sshUser: known?.sshUser || facts.user,
    repo: settings.values['skills.repo'] ?? known?.githubRepo ?? null,
    mayBeAway: known?.mayBeAway ?? facts.hasBattery,
    allowRestart: settings.values['allow.restartGateway'],
    ntfy: ntfyUrlOf(settings.values.alerts),
  }
}

async function takenBy(store: FormerDeps['store']): Promise<Taken> {
  const { peers } = await store.peers()
  const candidates = await store.candidates()
  const withNumber = [...candidates, ...peers].filter(({ leadNumber }) => leadNumber > 0)
  return {
    leads: new Map(withNumber.map(({ leadNumber, gatewayId }) => [leadNumber, gatewayId])),
    peers: new Set(peers.map(({ gatewayId }) => idKey(gatewayId))),
    candidates: new Set(candidates.map(({ gatewayId }) => idKey(gatewayId))),
  }
}

/** The lowest lead number nobody we know has. */
export function lowestFree(taken: Taken['leads']): number {
  let free = 1
  while (taken.has(free) && free < 9999) free++
  return free
}

/** A gateway id made of the host name: its first label, everything not allowed in an id replaced by "-". */
export function idFromHostname(hostname: string): GatewayId {
  const label = hostname.split('.')[0] ?? ''
  const id = label
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
    .slice(0, 64)
  return isGatewayId(id) ? id : parseValue(field.gatewayId, 'this-machine', 'the host name')
}

/** Two machines out of the box have one host name; the second gets a number behind it. */
function freeId(id: GatewayId, { peers, candidates }: Taken): GatewayId {
  const isTaken = (text: string) => peers.has(idKey(text)) || candidates.has(idKey(text))
  let free: string = id
  for (let n = 2; isTaken(free); n++) free = `${id.slice(0, 60)}-${n}`
  return parseValue(field.gatewayId, free, 'the host name')
}

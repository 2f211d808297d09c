import type { Clock } from '../adapters/clock.ts'
import { ClawError } from '../fleet/error.ts'
import type { Identity } from '../fleet/identity.ts'
import { field, type GatewayId, idKey, isGatewayId, parseValue, parseWholeNumber } from '../fleet/parse.ts'
import { safeName } from '../fleet/text.ts'
import type { FleetStore } from '../store/store.ts'

/** What the owner typed; text, not yet checked. Absent means: keep what is there, or take the default. */
export type SetupAnswers = {
  readonly gatewayId?: string | undefined
  readonly name?: string | undefined
  readonly lead?: string | undefined
  readonly sshUser?: string | undefined
  readonly repo?: string | undefined
  readonly port?: string | undefined
}

/** What this computer says of itself. */
export type ComputerFacts = {
  readonly hostname: string
  /** Name its owner gave it; the host name where there is none. */
  readonly computerName: string
  readonly user: string
  readonly address: string
}

export type SetupDeps = {
  readonly store: Pick<FleetStore, 'self' | 'saveSelf' | 'peers' | 'candidates'>
  readonly clock: Pick<Clock, 'now'>
  readonly facts: ComputerFacts
  readonly version: string
  /** Makes the clan key if there is none; returns its fingerprint. */
  readonly ensureClanKey: (
    gatewayId: GatewayId,
  ) => Promise<{ readonly created: boolean; readonly fingerprint: string }>
  /** Writes `bin/`; returns the paths written. */
  readonly writeLaunchers: () => readonly string[]
  /** Writes `config.json` with the main settings where there is none. @returns true when written */
  readonly ensureConfig: () => Promise<boolean>
}

export type SetupResult = {
  readonly self: Identity
  /** False when nothing of the identity was new. */
  readonly changed: boolean
  readonly firstTime: boolean
  readonly dryRun: boolean
  readonly clanKeyCreated: boolean
  readonly configWritten: boolean
  readonly launchers: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Give this machine its identity, its clan key, its settings file and its launchers; nothing else is touched.
 *
 * Safe to repeat: what was not asked to change stays, unknown keys of an older home included.
 *
 * @param takeDefaults  `--yes`: unanswered questions get their default instead of stopping
 * @throws {ClawError} `bad-input` for an answer that is not allowed; `missing-answer` naming the flags
 */
export async function setUp(
  deps: SetupDeps,
  answers: SetupAnswers,
  takeDefaults: boolean,
  dryRun: boolean,
): Promise<SetupResult> {
  const current = await deps.store.self()
  const taken = await takenLeadNumbers(deps.store)
  const wanted = check(answers)
  if (!takeDefaults) requireAnswers(wanted, current)
  const facts = withDefaults(wanted, current, deps, taken)
  const same = current !== undefined && SETTLED.every(key => current[key] === facts[key])
  const draft: Identity = { ...current, ...facts, incarnation: (current?.incarnation ?? 0) + (same ? 0 : 1) }
  const plan = { firstTime: current === undefined, warnings: leadWarnings(draft, taken), dryRun }
  if (dryRun)
    return {
      self: draft,
      changed: !same,
      clanKeyCreated: false,
      configWritten: false,
      launchers: [],
      ...plan,
    }
  const key = await deps.ensureClanKey(draft.gatewayId)
  const self: Identity = { ...draft, clanKey: key.fingerprint }
  const configWritten = await deps.ensureConfig()
  const launchers = deps.writeLaunchers()
  if (!same || current.clanKey !== key.fingerprint || current.version !== deps.version)
    await deps.store.saveSelf(self)
  return { self, changed: !same, clanKeyCreated: key.created, configWritten, launchers, ...plan }
}

const SETTLED = ['gatewayId', 'name', 'leadNumber', 'sshUser', 'sshPort', 'githubRepo'] as const

type Wanted = Partial<
  Pick<Identity, 'gatewayId' | 'name' | 'leadNumber' | 'sshUser' | 'githubRepo' | 'sshPort'>
>

function check({ gatewayId, name, lead, sshUser, repo, port }: SetupAnswers): Wanted {
  return {
    ...(gatewayId === undefined ? {} : { gatewayId: parseValue(field.gatewayId, gatewayId, '--gateway-id') }),
    ...(name === undefined ? {} : { name: parseValue(field.name, name, '--name') }),
    ...(lead === undefined ? {} : { leadNumber: parseWholeNumber(lead, 1, 9999, '--lead') }),
    ...(sshUser === undefined ? {} : { sshUser: parseValue(field.sshUser, sshUser, '--ssh-user') }),
    ...(repo === undefined
      ? {}
      : { githubRepo: repo === '' ? null : parseValue(field.repository, repo, '--repo') }),
    ...(port === undefined ? {} : { sshPort: parseWholeNumber(port, 1, 65_535, '--port') }),
  }
}

function requireAnswers(wanted: Wanted, current: Identity | undefined): void {
  if (current !== undefined) return
  const flags = {
    gatewayId: '--gateway-id',
    name: '--name',
    leadNumber: '--lead',
    sshUser: '--ssh-user',
  } as const
  const missing = Object.entries(flags).filter(([key]) => !(key in wanted))
  if (missing.length === 0) return
  throw new ClawError('missing-answer', `Setup needs ${missing.map(([, flag]) => flag).join(', ')}`, {
    hint: 'Give them, or --yes to take the default of each',
  })
}

function withDefaults(
  wanted: Wanted,
  current: Identity | undefined,
  deps: SetupDeps,
  taken: ReadonlyMap<number, string>,
) {
  const { facts, clock, version } = deps
  const gatewayId = wanted.gatewayId ?? current?.gatewayId ?? idFromHostname(facts.hostname)
  const leadNumber = current !== undefined && current.leadNumber > 0 ? current.leadNumber : lowestFree(taken)
  return {
    gatewayId,
    name: wanted.name ?? current?.name ?? safeName(facts.computerName, gatewayId),
    leadNumber: wanted.leadNumber ?? leadNumber,
    ip: facts.address,
    sshUser: wanted.sshUser ?? current?.sshUser ?? parseValue(field.sshUser, facts.user, 'the login name'),
    sshPort: wanted.sshPort ?? current?.sshPort ?? 22,
    version,
    registeredAt: current?.registeredAt || clock.now().toISOString(),
    githubRepo: wanted.githubRepo === undefined ? (current?.githubRepo ?? null) : wanted.githubRepo,
  }
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

async function takenLeadNumbers(store: SetupDeps['store']): Promise<ReadonlyMap<number, string>> {
  const { peers } = await store.peers()
  const others = [...peers, ...(await store.candidates())]
  return new Map(
    others.filter(machine => machine.leadNumber > 0).map(machine => [machine.leadNumber, machine.gatewayId]),
  )
}

function lowestFree(taken: ReadonlyMap<number, string>): number {
  let free = 1
  while (taken.has(free) && free < 9999) free++
  return free
}

function leadWarnings(self: Identity, taken: ReadonlyMap<number, string>): readonly string[] {
  const holder = taken.get(self.leadNumber)
  if (holder === undefined || idKey(holder) === idKey(self.gatewayId)) return []
  return [
    `Lead number ${self.leadNumber} is already used by ${holder}: the first of the two by id ranks higher`,
  ]
}

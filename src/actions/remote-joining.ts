import { ClawError } from '../fleet/error.ts'
import { lazy } from '../fleet/lazy.ts'
import { z } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { loginText } from '../fleet/ssh-failure.ts'
import { addMachine } from './add-machine.ts'
import { knownMachine } from './enrol-checks.ts'
import type { ReverseProof } from './enrolment.ts'
import type { Introduction } from './introduce-pairs.ts'
import { stateText } from './remote-identity.ts'
import type { Installing } from './remote-installation.ts'
import { failureOf, parseJson } from './remote-version.ts'

/**
 * Make a machine that has the version a working part of the fleet: its identity, both directions, everybody else, its
 * announcement and its schedule. The last two may be impossible there: that is said, and the install is done.
 *
 * @throws {ClawError} `peer-refused` when it cannot be set up; what `addMachine` throws
 */
export async function joinFleet(installing: Installing): Promise<void> {
  await answerSetup(installing)
  if (installing.request.purpose === 'update') return renew(installing)
  await enrol(installing)
  await keepAnnounced(installing)
  await schedule(installing)
}

/** A machine with a state keeps it; one of the bash version is taken over; a new one gets its answers. */
async function answerSetup(installing: Installing): Promise<void> {
  const { deps, request, login, survey, identity, done } = installing
  if (survey.setUp === 'yes') return done('state', 'unchanged', stateText(identity, survey))
  deps.onProgress(`setting ${identity.gatewayId} up`)
  const { gatewayId, lead } = identity
  const name = request.name === undefined ? [] : ['--name', request.name]
  const answers = ['--gateway-id', gatewayId, '--ssh-user', request.user, '--port', String(request.port)]
  const fresh = lead === undefined ? [] : [...answers, '--lead', String(lead), ...name]
  const by = ['--installed-by', deps.self.gatewayId]
  const { code, stdout, complaint } = await deps.run(login, [
    ...[`${survey.home}/bin/claw-setup`, '--yes', ...fresh, ...by],
    ...['--home', survey.home, '--json'],
  ])
  if (code === 0) return done('state', 'ok', stateText(identity, survey))
  const why = failureOf(stdout, complaint)
  throw new ClawError('peer-refused', `Cannot set "${loginText(login)}" up: ${why}`, {
    hint: 'The programs are there: correct what it names, then run the same command again',
  })
}

async function enrol({ deps, request, hostKey, identity, done }: Installing): Promise<void> {
  // The key was vouched for at the beginning; nobody is asked twice.
  const vouched = { hostKey: deps.fingerprint(hostKey), acceptNew: undefined }
  const asked = { ...request, ...vouched, gatewayId: identity.gatewayId }
  const added = await addMachine(deps, asked, deps.pingIntervalMinutes)
  done('clan key', 'ok', `${added.change}, answered in ${added.forwardMs} ms`)
  done('way back', ...wayBack(added.reverse))
  done('fleet', ...fleetText(added.introductions))
  for (const warning of added.warnings) done('note', 'finding', warning)
}

function wayBack({ outcome, reason, next }: ReverseProof): readonly ['ok' | 'skipped' | 'finding', string] {
  if (outcome === 'ack') return ['ok', 'it reached this machine']
  if (outcome === 'off' && reason === 'one-way') return ['skipped', '--one-way']
  return ['finding', [reason ?? outcome, next].filter(part => part !== null).join('; ')]
}

function fleetText(made: readonly Introduction[]): readonly ['ok' | 'skipped' | 'finding', string] {
  const wanted = made.filter(({ state }) => state !== 'off')
  const met = wanted.filter(({ state }) => state === 'introduced').length
  if (wanted.length === 0) return ['skipped', 'no other machine to introduce it to']
  const text = `introduced to ${met} of ${wanted.length} machine(s)`
  return met === wanted.length ? ['ok', text] : ['finding', `${text}: ${left(wanted)}`]
}

const left = (made: readonly Introduction[]): string =>
  made
    .filter(({ state }) => state !== 'introduced')
    .map(({ gatewayId, state, reason }) => `${gatewayId} ${state}${reason === null ? '' : ` (${reason})`}`)
    .join(', ')

/** A new program announces it from now on; a machine that is not kept announced yet becomes so. */
async function keepAnnounced(installing: Installing): Promise<void> {
  const { deps, request, login, done } = installing
  if (!request.register) return done('announcing', 'skipped', '--no-register')
  if (installing.survey.setUp === 'yes' && (await restarted(installing))) return
  deps.onProgress(`announcing ${login.host}`)
  const { code, stdout, complaint } = await deps.run(login, registerWords(installing, 'start'))
  if (code === 0) done('announcing', 'ok', 'started, and heard on the network')
  else done('announcing', 'finding', `claw-register start: ${failureOf(stdout, complaint)}`)
}

/** @returns false when nothing keeps it announced, or that cannot be known */
async function restarted(installing: Installing): Promise<boolean> {
  const { deps, login, done } = installing
  deps.onProgress(`announcing ${login.host} anew`)
  const { code } = await deps.run(login, registerWords(installing, 'restart'))
  if (code === 0) done('announcing', 'ok', 'restarted, and heard on the network')
  return code === 0
}

const registerWords = ({ survey: { home } }: Installing, verb: 'start' | 'restart'): readonly string[] => [
  ...[`${home}/bin/claw-register`, verb, '--home', home, '--json'],
]

/** A machine that pings by schedule already is left at that: proving a new schedule takes a minute. */
async function schedule(installing: Installing): Promise<void> {
  const { deps, request, login, survey, identity, done } = installing
  if (!request.schedule) return done('schedule', 'skipped', '--no-schedule')
  const words = [`${survey.home}/bin/claw-setup`, 'schedule', '--home', survey.home, '--json']
  const planned = scheduleIn((await deps.run(login, [...words, '--dry-run'])).stdout)
  if (planned?.changed === false) return done('schedule', 'unchanged', scheduleText(planned))
  deps.onProgress(`waiting for the first scheduled ping of ${identity.gatewayId}, up to a minute`)
  const { code, stdout, complaint } = await deps.run(login, words)
  const made = scheduleIn(stdout)
  if (code === 0 && made !== undefined) return done('schedule', 'ok', `${scheduleText(made)}, seen to work`)
  done('schedule', 'finding', `claw-setup schedule: ${failureOf(stdout, complaint)}`)
}

const scheduled = lazy(() =>
  z.object({ changed: z.boolean(), scheduler: z.string(), everyMinutes: z.number() }),
)
type Scheduled = z.core.output<ReturnType<typeof scheduled>>

function scheduleIn(stdout: string): Scheduled | undefined {
  const read = z.safeParse(scheduled(), parseJson(stdout))
  return read.success ? read.data : undefined
}

const scheduleText = ({ scheduler, everyMinutes }: Scheduled): string =>
  `${scheduler}, every ${everyMinutes} minutes`

/** An update leaves everything as the owner has it, and proves that it still works. */
async function renew(installing: Installing): Promise<void> {
  const { deps, request, hostKey, done } = installing
  const peer = await enrolledAs(installing)
  deps.onProgress(`asking ${peer.gatewayId} with the clan key`)
  const outcome = await deps.probe(peer, hostKey)
  if (outcome.kind === 'ack') {
    done('clan key', 'ok', `answered in ${Math.round(outcome.responseMs)} ms`)
  } else {
    done('clan key', 'finding', `${outcome.reason}: run "claw-setup-ssh add ${peer.sshUser} ${peer.ip}"`)
  }
  if (!request.register) done('announcing', 'skipped', '--no-register')
  else if (!(await restarted(installing))) done('announcing', 'skipped', 'it was not kept announced')
}

async function enrolledAs({ deps, request }: Installing): Promise<Peer> {
  const known = knownMachine((await deps.store.peers()).peers, request)
  if (known !== undefined) return known
  throw new TypeError('an update is of an enrolled machine')
}

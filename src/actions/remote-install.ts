import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import { ClawError } from '../fleet/error.ts'
import type { Peer } from '../fleet/peer.ts'
import { loginText } from '../fleet/ssh-failure.ts'
import { foreignLine } from '../fleet/text.ts'
import { checkGivenId, knownMachine } from './enrol-checks.ts'
import { loginOf } from './enrolment.ts'
import { checkFitness } from './remote-fitness.ts'
import { idTaken, remoteIdentity, stateText } from './remote-identity.ts'
import type {
  Installing,
  InstallRequest,
  InstallStep,
  RemoteDeps,
  RemoteInstall,
} from './remote-installation.ts'
import { joinFleet } from './remote-joining.ts'
import { activateVersion, testVersion } from './remote-version.ts'
import { type Vouched, vouchedHostKey } from './vouch.ts'

/**
 * Put claw-clan on a machine with the owner's own login there, or bring it to this machine's version.
 *
 * Everything that could stand in the way is looked at before anything is sent; the version is unpacked beside the
 * present one and tested there before it takes its place; what does not work then is taken back. State, settings and
 * keys of a machine that has them are not touched.
 *
 * @throws {ClawError} what `vouchedHostKey` and the login throw; `peer-unfit`; `bad-input` for an id that is taken;
 *   `self-test-failed`; what `addMachine` throws
 */
export async function installOnPeer(deps: RemoteDeps, request: InstallRequest): Promise<RemoteInstall> {
  const steps: InstallStep[] = []
  const installing = await look(
    deps,
    request,
    (step, result, detail) => void steps.push({ step, result, detail }),
  )
  const { survey, identity } = installing
  if (request.dryRun) plan(installing)
  else await carryOut(installing)
  return {
    gatewayId: identity.gatewayId,
    host: request.host,
    version: deps.offered.name,
    previous: survey.current ?? null,
    firstInstall: survey.setUp === 'no',
    dryRun: request.dryRun,
    steps,
  }
}

/** Everything there is to know before the first change. */
async function look(
  deps: RemoteDeps,
  request: InstallRequest,
  done: Installing['done'],
): Promise<Installing> {
  checkGivenId(deps.self, request)
  const { peers } = await deps.store.peers()
  const { key: hostKey, by } = await vouchedFor(deps, request, knownMachine(peers, request))
  done('host key', 'ok', `${deps.fingerprint(hostKey)} (${by})`)
  deps.onProgress(`looking at ${request.host}`)
  const login = loginOf(request, hostKey)
  const survey = await deps.survey(login, request.node)
  done('login', 'ok', `${loginText(login)}, ${survey.system} ${survey.machine}`)
  if (request.purpose === 'update' && survey.setUp !== 'yes') throw notSetUpAnyMore(request, login)
  const fit = { login, bytes: deps.offered.bytes, wanted: request.node }
  const { node, freeKb } = checkFitness(survey, fit)
  done('node', 'ok', `${node.version} at ${node.path}`)
  done('room', 'ok', freeKb === undefined ? 'df does not say' : freeText(freeKb))
  const heard = await deps.store.candidates()
  const everybody = { self: deps.self, peers, heard, pinsOf: deps.pinsOf }
  const identity = remoteIdentity(everybody, request, { survey, hostKey })
  return { deps, request, login, hostKey, survey, node: node.path, identity, done }
}

/** Another key than the one pinned for an id, and another address too: that is another machine, not a changed one. */
async function vouchedFor(
  deps: RemoteDeps,
  request: InstallRequest,
  known: Peer | undefined,
): Promise<Vouched> {
  const pinned = known === undefined ? [] : deps.pinsOf(known.gatewayId)
  try {
    return await vouchedHostKey(deps, { ...request, pinned, gatewayId: known?.gatewayId })
  } catch (error) {
    const isChanged = error instanceof ClawError && error.code === 'host-key-changed'
    if (!isChanged || known === undefined || known.ip === request.host) throw error
    throw idTaken(request.host, known.gatewayId, `"${known.ip}"`)
  }
}

function notSetUpAnyMore({ user, host }: InstallRequest, login: OperatorLogin): ClawError {
  return new ClawError(
    'peer-not-set-up',
    `Cannot update "${loginText(login)}": claw-clan is not set up there`,
    {
      hint: `If it was reinstalled, run "claw-remote-install ${user} ${host}"`,
    },
  )
}

function plan({ deps, survey, identity, request, done }: Installing): void {
  const { name, sentBytes } = deps.offered
  const from = survey.current === undefined ? '' : ` in place of ${survey.current}`
  done('version', 'would', `send ${kilobytes(sentBytes)} and use ${name}${from}`)
  done('state', 'would', stateText(identity, survey))
  done('clan key', 'would', request.oneWay ? 'enrol it one-way' : 'enrol it in both directions')
  done('announcing', request.register ? 'would' : 'skipped', request.register ? 'start' : '--no-register')
  done('schedule', request.schedule ? 'would' : 'skipped', request.schedule ? 'install' : '--no-schedule')
}

async function carryOut(installing: Installing): Promise<void> {
  await sendVersion(installing)
  await testVersion(installing)
  await activateVersion(installing)
  await joinFleet(installing)
}

async function sendVersion({ deps, login, node, survey, done }: Installing): Promise<void> {
  const { name, sentBytes } = deps.offered
  const received = await deps.send(login, { node, home: survey.home })
  if (received === undefined || !received.ok) {
    const why = received === undefined ? 'the connection was cut' : foreignLine(received.message)
    const kept = survey.current === undefined ? 'nothing was changed there' : `${survey.current} stays in use`
    const code = received === undefined ? 'ssh-failed' : 'peer-unfit'
    throw new ClawError(code, `Cannot put ${name} on "${loginText(login)}": ${why}; ${kept}`, {
      hint: 'Run the same command again: what is half there is removed first',
    })
  }
  const swept = received.swept === 0 ? '' : `, ${received.swept} leftover(s) removed`
  if (received.wasThere) done('version', 'unchanged', `${name} is there, ${received.files} files verified`)
  else done('version', 'ok', `${kilobytes(sentBytes)}, ${received.files} files, sha256 verified${swept}`)
}

const freeText = (kb: number): string =>
  kb < 10 * 1024 * 1024 ? `${Math.round(kb / 1024)} MB free` : `${Math.round(kb / 1024 / 1024)} GB free`
const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1024)} kB`

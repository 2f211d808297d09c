import type { addMachine } from '../actions/add-machine.ts'
import type { checkSsh } from '../actions/check-ssh.ts'
import type { planEnrolment } from '../actions/enrol.ts'
import type { introduce } from '../actions/introduce.ts'
import type { testLogin } from '../actions/test-login.ts'
import type { trustHostKey } from '../actions/trust.ts'
import { parseIntroductionRequest } from '../fleet/enrolment.ts'
import { introductionAnswerDocument } from '../fleet/introduction-answer.ts'
import { field, parseValue } from '../fleet/parse.ts'
import { readStdin } from './ask.ts'
import { subcommand } from './command.ts'
import type { AnyCommand } from './command-shape.ts'
import { openProbe, type ReadyHome } from './home.ts'
import { renderCheck } from './render-check.ts'
import * as show from './render-ssh.ts'
import { settleAfterRound } from './settle-after-round.ts'
import { ADD, DRY_RUN, LOGIN, readLogin, VOUCHING } from './ssh-arguments.ts'
import { type DepartureActions, departureCommands } from './ssh-departures.ts'
import { sshDeps } from './ssh-deps.ts'
import { changingTrust, withHome } from './with-home.ts'

/** The use cases behind the subcommands. */
export type SshActions = DepartureActions & {
  readonly addMachine: typeof addMachine
  readonly checkSsh: typeof checkSsh
  readonly introduce: typeof introduce
  readonly planEnrolment: typeof planEnrolment
  readonly testLogin: typeof testLogin
  readonly trustHostKey: typeof trustHostKey
}

/** Longest document `introduce` reads: a fleet of 256 machines takes 200 KiB. */
const MAX_DOCUMENT_BYTES = 1024 * 1024

/** The subcommands of `claw-setup-ssh`. */
export const sshCommands = (actions: SshActions): Readonly<Record<string, AnyCommand>> => ({
  add: add(actions),
  check: check(actions),
  ...departureCommands(actions),
  introduce: introduceCommand(actions),
  keygen: keygen(),
  test: test(actions),
  trust: trust(actions),
})

const add = ({ addMachine, planEnrolment }: SshActions) =>
  subcommand({
    name: 'claw-setup-ssh add',
    summary: 'Enrol a machine with your own SSH login there, in both directions where it can reach back',
    operands: 'USER HOST [NAME] [ID]',
    arity: [2, 4],
    options: ADD,
    example: 'claw-setup-ssh add claw 192.168.1.20 --host-key SHA256:...',
    failure: 'Nothing is half-enrolled when it fails: do what the "next:" line says and run it again.',
    run: run =>
      withHome(run, async home => {
        const typed = readLogin(run.positionals, run.options)
        const dryRun = run.options['dry-run'] ?? false
        const deps = await sshDeps(home, run.terminal, dryRun)
        const request = await deps.resolve(typed)
        await deps.needDirectWay(request)
        // A legacy machine itself is never changed, so there the whole enrolment can be tried.
        if (dryRun && request.legacyKey === undefined) return planEnrolment(deps, request)
        const { pingIntervalMinutes } = home.settings
        const added = await changingTrust(home, run.terminal, () =>
          addMachine(deps, request, pingIntervalMinutes),
        )
        return { ...show.enrolmentDocument(added), dryRun }
      }),
    render: (result, { terminal }) =>
      'here' in result ? show.renderPlan(result, terminal) : show.renderEnrolment(result, terminal),
    renderFailure: show.failureLines,
  })

const test = ({ testLogin }: SshActions) =>
  subcommand({
    name: 'claw-setup-ssh test',
    summary: 'Try your own SSH login on a machine and say what is in the way; changes nothing',
    operands: 'USER HOST',
    arity: [2, 2],
    options: LOGIN,
    example: 'claw-setup-ssh test claw 192.168.1.20',
    failure: 'The line names what is in the way: address, sshd, host key or login.',
    run: run =>
      withHome(run, async home => {
        const typed = readLogin(run.positionals, run.options)
        const deps = await sshDeps(home, run.terminal)
        return testLogin(deps, await deps.resolve(typed))
      }),
    render: (result, { terminal }) => show.renderTest(result, terminal),
    renderFailure: show.failureLines,
  })

const trust = ({ trustHostKey }: SshActions) =>
  subcommand({
    name: 'claw-setup-ssh trust',
    summary: 'Pin the host key of an enrolled machine, for the first time or after it was reinstalled',
    operands: 'ID',
    arity: [1, 1],
    options: { ...VOUCHING, ...DRY_RUN },
    example: 'claw-setup-ssh trust studio --host-key SHA256:...',
    failure: 'The old key stays pinned when it fails.',
    run: run =>
      withHome(run, async home => {
        const id = parseValue(field.gatewayId, run.positionals[0], 'ID')
        const vouching = { hostKey: run.options['host-key'], acceptNew: run.options['accept-new-host-key'] }
        const dryRun = run.options['dry-run'] ?? false
        const deps = await sshDeps(home, run.terminal, dryRun)
        return { ...show.trustDocument(await trustHostKey(deps, id, vouching)), dryRun }
      }),
    render: result => show.renderTrust(result),
  })

const introduceCommand = ({ introduce }: SshActions) =>
  subcommand({
    name: 'claw-setup-ssh introduce',
    summary: 'Enrol the machines of a JSON document on stdin, and answer who this machine is',
    options: {},
    example: `echo '{"machines":[]}' | claw-setup-ssh introduce --json`,
    failure:
      'claw-setup-ssh add runs it on the other machine; a machine it refuses is named with the reason.',
    run: run =>
      withHome(run, async home => {
        const request = parseIntroductionRequest(await readStdin(MAX_DOCUMENT_BYTES), 'the document on stdin')
        return introductionAnswerDocument(await introduce(await sshDeps(home, run.terminal), request))
      }),
    render: show.renderIntroduction,
  })

const keygen = () =>
  subcommand({
    name: 'claw-setup-ssh keygen',
    summary: "Make this machine's clan key if it has none, and show it",
    options: {},
    example: 'claw-setup-ssh keygen',
    failure: 'ssh-keygen (OpenSSH) must be installed.',
    run: run => withHome(run, clanKey),
    render: ({ fingerprint, publicKey, created }) =>
      `${created ? 'Made' : 'Found'} ${fingerprint}\n${publicKey}`,
  })

const check = ({ checkSsh, settlePending }: SshActions) =>
  subcommand({
    name: 'claw-setup-ssh check',
    summary: 'Make the clan key if missing, ask every peer with it, and say per peer what to do next',
    options: {},
    example: 'claw-setup-ssh check',
    failure: 'A peer that does not answer is a finding, not a failure.',
    run: run =>
      withHome(run, async home => {
        const { fingerprint, created } = await clanKey(home)
        const probe = await openProbe(home)
        const peers = await checkSsh({ store: home.store, probe, onProgress: run.terminal.progress })
        return { clanKey: fingerprint, clanKeyMade: created, peers }
      }),
    afterwards: (result, run) => settleAfterRound(result, run, async () => settlePending),
    render: (result, { terminal }) => renderCheck(result, terminal),
  })

async function clanKey({ paths, self }: ReadyHome) {
  const { ensureClanKey } = await import('../adapters/ssh-keys.ts')
  return ensureClanKey(paths, `claw-clan:${self.gatewayId}`)
}

import type { Added } from '../actions/add-machine.ts'
import type { EnrolmentPlan } from '../actions/enrol-plan.ts'
import type { TestedLogin } from '../actions/test-login.ts'
import type { Trusted } from '../actions/trust.ts'
import type { ClawError, ErrorCode } from '../fleet/error.ts'
import type { introductionAnswerDocument } from '../fleet/introduction-answer.ts'
import { loginText } from '../fleet/ssh-failure.ts'
import { printable } from '../fleet/text.ts'
import { introductionLines } from './render-introductions.ts'
import type { Terminal } from './terminal.ts'
import { wrapIndented } from './wrap.ts'

type Look = Pick<Terminal, 'columns' | 'paint'>

/** `claw-setup-ssh add`, as `--json` prints it; the keys are a public interface. */
export function enrolmentDocument({
  peer,
  change,
  hostKeyBy,
  forwardMs,
  reverse,
  warnings,
  introductions,
}: Added) {
  const { gatewayId, name, leadNumber, ip, sshUser, sshPort, hostKey } = peer
  return {
    ...{ gatewayId, name, leadNumber, ip, sshUser, sshPort, change, hostKey: hostKey ?? null, hostKeyBy },
    oneWay: peer.oneWay === true,
    legacy: peer.legacyKey !== undefined,
    forward: { outcome: 'ack', responseMs: forwardMs },
    reverse,
    introductions,
    warnings,
    sshStatus: 'success',
    clawInstalled: peer.clawClanInstalled,
  } as const
}

export type EnrolmentDocument = ReturnType<typeof enrolmentDocument> & { readonly dryRun: boolean }

export function renderEnrolment(result: EnrolmentDocument, look: Look): string {
  const { paint } = look
  const { gatewayId, name, ip: host, sshUser: user, sshPort: port, reverse } = result
  const done = result.change === 'added' ? 'Enrolled' : 'Enrolled again:'
  const verb = result.dryRun ? 'Would enrol' : done
  const back =
    reverse.outcome === 'ack'
      ? 'answered'
      : `${reverse.outcome}${reverse.reason === null ? '' : `: ${reverse.reason}`}`
  return [
    printable(`${verb} ${gatewayId} (${name}) at ${loginText({ user, host, port })}`),
    `  host key            ${result.hostKey ?? 'none'}`,
    `  vouched by          ${result.hostKeyBy}`,
    `  this machine -> it  answered in ${result.forward.responseMs} ms`,
    printable(`  it -> this machine  ${back}`),
    ...(reverse.next === null ? [] : [paint('yellow', printable(`  next: ${reverse.next}`))]),
    ...result.warnings.map(text => paint('yellow', printable(`! ${text}`))),
    ...introductionLines(gatewayId, result.introductions, look),
    ...statusLines('success', result.clawInstalled),
  ].join('\n')
}

const PLAN_INDENT = ' '.repeat(9)

/** `claw-setup-ssh add --dry-run`. */
export function renderPlan(plan: EnrolmentPlan, { paint, columns }: Look): string {
  const { gatewayId, name, hostKey, hostKeyBy, here, there, fleet, warnings } = plan
  return [
    printable(`Would enrol ${gatewayId} (${name})`),
    `  host key ${hostKey} (${hostKeyBy})`,
    ...here.map(line => `  here   ${wrapIndented(line, columns, PLAN_INDENT)}`),
    ...there.map(line => `  there  ${wrapIndented(line, columns, PLAN_INDENT)}`),
    ...(fleet.length === 0
      ? []
      : [`  then   ${wrapIndented(`introduced to ${fleet.join(', ')}`, columns, PLAN_INDENT)}`]),
    ...(plan.oneWay ? ['  it does not reach this machine: one-way'] : []),
    ...warnings.map(text => paint('yellow', printable(`! ${text}`))),
    ...statusLines('success', true),
  ].join('\n')
}

const statusLines = (ssh: 'success' | 'failed', installed: boolean | 'unknown'): readonly string[] => [
  `SSH_STATUS=${ssh}`,
  `CLAW_INSTALLED=${installed}`,
]

/** Codes of failures that happen only after the owner's login worked. */
const AFTER_LOGIN: readonly ErrorCode[] = [
  'peer-not-set-up',
  'peer-refused',
  'bad-answer',
  'store-unavailable',
]

/** The two lines scripts of the bash version read, for a run that failed. */
export function failureLines({ code }: ClawError): string {
  if (!AFTER_LOGIN.includes(code)) return statusLines('failed', 'unknown').join('\n')
  return statusLines('success', code !== 'peer-not-set-up').join('\n')
}

/** `claw-setup-ssh test`. */
export function renderTest(result: TestedLogin, { paint }: Look): string {
  const { hostKey, hostKeyBy, setUp, gatewayId, host, port, jump, noDirectWay } = result
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const what = { yes: 'set up', older: 'there is only an older version', no: 'not set up' }[setUp]
  return [
    'Your login works there.',
    `  host key   ${hostKey} (${hostKeyBy})`,
    printable(`  address    ${address}${jump === null ? '' : `, through ${jump}`}`),
    printable(`  claw-clan  ${what}${gatewayId === null ? '' : ` (${gatewayId})`}`),
    ...(noDirectWay === null ? [] : [paint('yellow', printable(`! ${noDirectWay}`))]),
    ...statusLines('success', setUp === 'yes'),
  ].join('\n')
}

/** `claw-setup-ssh trust`, as `--json` prints it. */
export function trustDocument({ peer, pin, previous, hostKeyBy, outcome }: Trusted) {
  const { gatewayId, hostKey = null } = peer
  const { kind } = outcome
  const why =
    kind === 'ack' ? { reason: null, detail: null } : { reason: outcome.reason, detail: outcome.detail }
  const probe = { outcome: kind, ...why }
  const isMissing = kind === 'miss' && (outcome.reason === 'auth-denied' || outcome.reason === 'no-answer')
  const port = peer.sshPort === 22 ? '' : ` --port ${peer.sshPort}`
  const next = isMissing
    ? `Our clan key is not there yet: run "claw-setup-ssh add ${peer.sshUser} ${peer.ip}${port}"`
    : null
  return { gatewayId, hostKey, hostKeyBy, pin, previous, probe, next }
}

export function renderTrust(result: ReturnType<typeof trustDocument> & { readonly dryRun: boolean }): string {
  const { gatewayId, hostKey, hostKeyBy, pin, previous, probe, next, dryRun } = result
  const verb = { added: 'Pinned', replaced: 'Pinned anew', unchanged: 'Already pinned' }[pin]
  return [
    `${dryRun ? 'Nothing written; would be: ' : ''}${verb}: the host key of ${gatewayId} is ${hostKey} (${hostKeyBy})`,
    ...(pin === 'replaced' ? [`  before    ${previous}`] : []),
    printable(`  clan key  ${probe.reason === null ? 'answered' : `${probe.reason}: ${probe.detail}`}`),
    ...(next === null ? [] : [`  next: ${next}`]),
  ].join('\n')
}

/** `claw-setup-ssh introduce`. */
export function renderIntroduction({
  gatewayId,
  machines,
}: ReturnType<typeof introductionAnswerDocument>): string {
  const lines = machines.map(
    ({ gatewayId: id, result, reason }) => `  ${id}  ${result}${reason === null ? '' : `: ${reason}`}`,
  )
  return printable([`${gatewayId} was given ${machines.length} machine(s)`, ...lines].join('\n'))
}

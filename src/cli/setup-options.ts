import type { Step } from '../actions/offer.ts'
import type { SetupAnswers } from '../actions/setup-answers.ts'
import { NO_WAIT } from './one-run.ts'
import type { Options, Values } from './option.ts'

/** The questions of setup as flags. */
export const ANSWERS = {
  'gateway-id': {
    type: 'string',
    value: 'ID',
    help: 'Unique name of this machine (default: its host name)',
  },
  name: { type: 'string', value: 'TEXT', help: "Friendly name (default: the computer's name)" },
  lead: {
    type: 'string',
    value: 'N',
    help: 'Lead number 1..9999, lowest online leads (default: lowest free)',
  },
  'ssh-user': {
    type: 'string',
    value: 'USER',
    help: 'Login name others reach this machine with (default: you)',
  },
  repo: {
    type: 'string',
    value: 'URL',
    help: 'Git repository of the shared skills, or "none" (default: none)',
  },
  'may-be-away': {
    type: 'boolean',
    negatable: true,
    help: 'It may be closed or carried away: being offline is no incident (default: yes with a battery)',
  },
  'allow-restart': {
    type: 'boolean',
    negatable: true,
    help: 'The fleet leader may restart the OpenClaw gateway here (default: no)',
  },
  ntfy: {
    type: 'string',
    value: 'URL',
    help: 'ntfy topic for alerts (https://ntfy.sh/my-topic), or "none" (default: none)',
  },
  port: { type: 'string', value: 'N', help: "Port of this machine's own sshd (default: 22)" },
  'installed-by': {
    type: 'string',
    value: 'ID',
    help: 'Which machine put claw-clan here (remote install says it)',
  },
} as const satisfies Options

/** How setup goes about its questions. */
export const MODE = {
  yes: {
    type: 'boolean',
    help: 'Ask nothing: each open question gets its default',
  },
  ask: { type: 'boolean', help: 'Ask every question again, the present answers as defaults' },
  'dry-run': { type: 'boolean', help: 'Show what would be written and write nothing' },
  ...NO_WAIT,
} as const satisfies Options

/** What setup offers, as flags: each is then done or left out without a question. */
export const OFFERS = {
  register: {
    type: 'boolean',
    negatable: true,
    help: 'Keep it announced on the network, as claw-register start does',
  },
  discover: { type: 'boolean', negatable: true, help: 'Look for other machines' },
  enrol: {
    type: 'boolean',
    negatable: true,
    help: 'Enrol the machines found whose host key is in your known_hosts; it never believes a new one',
  },
  check: { type: 'boolean', negatable: true, help: 'Ask every enrolled machine over SSH' },
  schedule: { type: 'boolean', negatable: true, help: 'Ping by schedule, as claw-setup schedule does' },
  'replace-bash': {
    type: 'boolean',
    negatable: true,
    help: "Replace the bash version's cron lines, LaunchAgent and scripts by ours",
  },
} as const satisfies Options

/** The answers that were given by flags. */
export function answersIn(options: Values<typeof ANSWERS>): SetupAnswers {
  const { 'gateway-id': gatewayId, 'ssh-user': sshUser, name, lead, repo, port, ntfy } = options
  const { 'may-be-away': mayBeAway, 'allow-restart': allowRestart, 'installed-by': installedBy } = options
  return { gatewayId, name, lead, sshUser, repo, port, ntfy, mayBeAway, allowRestart, installedBy }
}

/** What the flags say to each step. */
export const wantedSteps = (
  options: Values<typeof OFFERS>,
): Readonly<Partial<Record<Step, boolean | undefined>>> => ({
  'bash-version': options['replace-bash'],
  announce: options.register,
  // Only what was heard can be enrolled.
  discover: options.discover ?? (options.enrol === true ? true : undefined),
  enrol: options.enrol,
  check: options.check,
  schedule: options.schedule,
})

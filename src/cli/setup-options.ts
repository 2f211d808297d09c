import type { SetupAnswers } from '../actions/setup-answers.ts'
import { ClawError } from '../fleet/error.ts'
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
    help: 'It may be closed or carried away: being offline is no incident (default: with a battery)',
  },
  'no-may-be-away': { type: 'boolean', help: 'It is to be online always' },
  'allow-restart': {
    type: 'boolean',
    help: 'The fleet leader may restart the OpenClaw gateway here (default: it may not)',
  },
  'no-allow-restart': { type: 'boolean', help: 'It may not' },
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
    help: 'Ask nothing: every open question gets its default, every offer without a flag is declined',
  },
  ask: { type: 'boolean', help: 'Ask every question again, the present answers as defaults' },
  'dry-run': { type: 'boolean', help: 'Show what would be written and write nothing' },
  ...NO_WAIT,
} as const satisfies Options

/** The answers that were given by flags. @throws {ClawError} `bad-input` for a flag given with its opposite */
export function answersIn(options: Values<typeof ANSWERS>): SetupAnswers {
  const { 'gateway-id': gatewayId, 'ssh-user': sshUser, name, lead, repo, port, ntfy } = options
  return {
    ...{ gatewayId, name, lead, sshUser, repo, port, ntfy, installedBy: options['installed-by'] },
    mayBeAway: yesOrNo('may-be-away', options['may-be-away'], options['no-may-be-away']),
    allowRestart: yesOrNo('allow-restart', options['allow-restart'], options['no-allow-restart']),
  }
}

/** A flag and its `--no-` form as one answer; undefined when neither was given. */
export function yesOrNo(flag: string, yes = false, no = false): boolean | undefined {
  if (yes && no) throw new ClawError('bad-input', `--${flag} and --no-${flag} cannot both be meant: use one`)
  return yes ? true : no ? false : undefined
}

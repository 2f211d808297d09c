import { parseNtfyUrl } from '../fleet/alert-target.ts'
import type { Identity } from '../fleet/identity.ts'
import { field, parseValue, parseWholeNumber } from '../fleet/parse.ts'

/**
 * What the owner typed; text, not yet checked. Absent means: keep what is there, or take the default. "none" or
 * nothing at all is an answer for `repo` and `ntfy`.
 */
export type SetupAnswers = {
  readonly gatewayId?: string | undefined
  readonly name?: string | undefined
  readonly lead?: string | undefined
  readonly sshUser?: string | undefined
  readonly repo?: string | undefined
  readonly port?: string | undefined
  /** Other machines may restart the OpenClaw gateway here. */
  readonly allowRestart?: boolean | undefined
  readonly mayBeAway?: boolean | undefined
  readonly ntfy?: string | undefined
  /** The machine that puts claw-clan here over SSH. */
  readonly installedBy?: string | undefined
}

/** What a person is asked, in this order; each is also a flag. */
export const QUESTIONS = [
  'gatewayId',
  'name',
  'lead',
  'sshUser',
  'repo',
  'mayBeAway',
  'allowRestart',
  'ntfy',
] as const
export type Question = (typeof QUESTIONS)[number]

/** One parser per answer that is text, for flags and for what is typed at a question. @throws {ClawError} `bad-input` */
export const readAnswer = {
  gatewayId: (text: string) => parseValue(field.gatewayId, text, '--gateway-id'),
  name: (text: string) => parseValue(field.name, text, '--name'),
  lead: (text: string) => parseWholeNumber(text, 1, 9999, '--lead'),
  sshUser: (text: string) => parseValue(field.sshUser, text, '--ssh-user'),
  repo: (text: string) =>
    text === '' || text === 'none' ? null : parseValue(field.repository, text, '--repo'),
  port: (text: string) => parseWholeNumber(text, 1, 65_535, '--port'),
  ntfy: (text: string) => parseNtfyUrl(text, '--ntfy'),
  installedBy: (text: string) => parseValue(field.gatewayId, text, '--installed-by'),
}

/** The identity as far as it was answered. */
export type WantedIdentity = Partial<
  Pick<
    Identity,
    'gatewayId' | 'name' | 'leadNumber' | 'sshUser' | 'githubRepo' | 'sshPort' | 'mayBeAway' | 'installedBy'
  >
>

/** @throws {ClawError} `bad-input` naming the flag of the first answer that is not allowed */
export function identityIn(answers: SetupAnswers): WantedIdentity {
  const { gatewayId, name, lead, sshUser, repo, port, mayBeAway, installedBy } = answers
  return {
    ...(gatewayId === undefined ? {} : { gatewayId: readAnswer.gatewayId(gatewayId) }),
    ...(name === undefined ? {} : { name: readAnswer.name(name) }),
    ...(lead === undefined ? {} : { leadNumber: readAnswer.lead(lead) }),
    ...(sshUser === undefined ? {} : { sshUser: readAnswer.sshUser(sshUser) }),
    ...(repo === undefined ? {} : { githubRepo: readAnswer.repo(repo) }),
    ...(port === undefined ? {} : { sshPort: readAnswer.port(port) }),
    ...(mayBeAway === undefined ? {} : { mayBeAway }),
    ...(installedBy === undefined ? {} : { installedBy: readAnswer.installedBy(installedBy) }),
  }
}

import { resolve } from 'node:path'
import type { EnrolRequest } from '../actions/enrolment.ts'
import { ClawError } from '../fleet/error.ts'
import { field, parseValue, parseWholeNumber } from '../fleet/parse.ts'
import type { Options, Values } from './option.ts'

/** How the owner vouches for a host key. */
export const VOUCHING = {
  'host-key': { type: 'string', value: 'SHA256:...', help: 'Believe exactly this host key' },
  'accept-new-host-key': { type: 'boolean', help: 'Believe whatever key a machine never met before shows' },
} as const satisfies Options

export const DRY_RUN = {
  'dry-run': { type: 'boolean', help: 'Look and say what would change, and change nothing' },
} as const satisfies Options

/** What the owner's own login uses, where it is not what ssh uses by itself. */
export const OWNER_FILES = {
  identity: { type: 'string', value: 'FILE', help: 'Your private key for it (default: agent and ~/.ssh)' },
  'ssh-config': { type: 'string', value: 'FILE', help: 'ssh_config to use (default: ~/.ssh/config)' },
} as const satisfies Options

/** Where the other machine is and how the owner logs in there. */
export const LOGIN = {
  port: { type: 'string', value: 'N', help: 'Port of its sshd (default: of your ssh_config, else 22)' },
  ...OWNER_FILES,
  ...VOUCHING,
} as const satisfies Options

export const ADD = {
  ...LOGIN,
  'one-way': { type: 'boolean', help: 'It cannot or must not reach this machine: only watch it' },
  legacy: { type: 'boolean', help: 'It has no claw-clan 2: probe it through its login shell' },
  key: { type: 'string', value: 'FILE', help: 'With --legacy: the private key to probe it with' },
  ...DRY_RUN,
} as const satisfies Options

/** A login as it was typed; the owner's ssh_config may say more about it. */
export type TypedLogin = Omit<EnrolRequest, 'port' | 'alias'> & { readonly port: number | undefined }

/**
 * Read the words and flags of `add` and `test`.
 *
 * @throws {ClawError} `bad-input` naming the first one that is not allowed
 */
export function readLogin(words: readonly string[], options: Values<typeof ADD>): TypedLogin {
  const [user, host, name, id] = words
  const { port, identity, legacy, key, 'ssh-config': config } = options
  if ((legacy ?? false) !== (key !== undefined)) {
    throw new ClawError('bad-input', '--legacy and --key FILE go together', {
      hint: 'FILE is the private key that opens a shell there, as "ssh -i FILE" uses it',
    })
  }
  return {
    user: parseValue(field.sshUser, user, 'USER'),
    host: parseValue(field.host, host, 'HOST'),
    port: port === undefined ? undefined : parseWholeNumber(port, 1, 65_535, '--port'),
    name: name === undefined ? undefined : parseValue(field.name, name, 'NAME'),
    gatewayId: id === undefined ? undefined : parseValue(field.gatewayId, id, 'ID'),
    hostKey: options['host-key'],
    acceptNew: options['accept-new-host-key'],
    identityFile: identity === undefined ? undefined : resolve(identity),
    configFile: config === undefined ? undefined : resolve(config),
    oneWay: options['one-way'] ?? false,
    liftsRevocation: true,
    legacyKey: key === undefined ? undefined : resolve(key),
  }
}

/** The files the owner names for his logins, as absolute paths. */
export function ownerFilesIn({ identity, 'ssh-config': config }: Values<typeof OWNER_FILES>) {
  return {
    ...(identity === undefined ? {} : { identityFile: resolve(identity) }),
    ...(config === undefined ? {} : { configFile: resolve(config) }),
  }
}

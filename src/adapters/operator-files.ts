import { access, constants, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { publicKeyText } from '../fleet/public-key.ts'
import { acceptedName, type OperatorLogin } from './operator-arguments.ts'
import { isPlainPath, makeOperatorFolder } from './operator-folder.ts'

/** The files one connection of the owner's has: what ssh believes, and where it shares the connection. */
export type OperatorFiles = {
  /** Private, and with everything in it nobody else's. */
  readonly folder: string
  readonly knownHosts: string
  readonly socket: string
  /** The login's identity file, under a name without tokens of ssh. */
  readonly identity: string | undefined
}

/**
 * Write what ssh is to read for one login.
 *
 * @throws {ClawError} `bad-key` when its identity file cannot be read
 */
export async function writeOperatorFiles(login: OperatorLogin): Promise<OperatorFiles> {
  const { hostKey, identityFile } = login
  if (identityFile !== undefined) await checkReadable(identityFile)
  const folder = await makeOperatorFolder()
  const knownHosts = join(folder, 'known_hosts')
  // ssh reads "%h" and the like also in the name of a key file.
  const link = identityFile === undefined || isPlainPath(identityFile) ? undefined : join(folder, 'identity')
  try {
    await writeFile(knownHosts, `${acceptedName(login)} ${publicKeyText(hostKey)}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
    if (identityFile !== undefined && link !== undefined) await symlink(identityFile, link)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return { folder, knownHosts, socket: join(folder, 's'), identity: link ?? identityFile }
}

/** ssh itself goes on without a key file it cannot read, and then says only that nobody let it in. */
async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK)
  } catch (cause) {
    throw new ClawError('bad-key', `Cannot use the private key file "${file}": it cannot be read`, {
      hint: 'Name the private half of a key pair, the file without ".pub"',
      cause,
    })
  }
}

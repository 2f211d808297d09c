import type { HomePaths } from './home-paths.ts'

export type ClanKey = {
  /** False when there was one already. */
  readonly created: boolean
  /** One line of OpenSSH public key text, comment included, no newline. */
  readonly publicKey: string
  /** `SHA256:...` */
  readonly fingerprint: string
}

export async function ensureClanKey(_paths: HomePaths, _comment: string): Promise<ClanKey> {
  throw new Error('not written yet')
}

export function readClanKey(_paths: Pick<HomePaths, 'clanKey'>): Buffer {
  throw new Error('not written yet')
}

/** Any private key file, under the same rules as the clan key. */
export function readPrivateKey(_file: string): Buffer {
  throw new Error('not written yet')
}

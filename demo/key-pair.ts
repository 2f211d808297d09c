import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { DemoProblem } from './problem.ts'
import type { Programs } from './programs.ts'

export type KeyPair = {
  /** Path of the private key; the public one has `.pub` appended. */
  readonly file: string
  /** The private key as OpenSSH writes it. */
  readonly privateKey: string
  /** The public key's bytes as they travel in SSH. */
  readonly publicBlob: Buffer
  /** `SHA256:...` as OpenSSH prints it. */
  readonly fingerprint: string
}

/** Make an Ed25519 key pair with the system's ssh-keygen. */
export async function makeKeyPair(
  programs: Programs,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<KeyPair> {
  const args = ['-q', '-t', 'ed25519', '-N', '', '-C', 'claw-clan-demo', '-f', file]
  const { code, stderr } = await programs.capture({ file: 'ssh-keygen', args, env, cwd: '/' })
  if (code !== 0) throw new DemoProblem(`ssh-keygen failed with exit code ${code}`, stderr)
  const publicBlob = Buffer.from(readFileSync(`${file}.pub`, 'utf8').split(' ')[1] ?? '', 'base64')
  const hash = createHash('sha256').update(publicBlob).digest('base64').replace(/=+$/, '')
  return { file, privateKey: readFileSync(file, 'utf8'), publicBlob, fingerprint: `SHA256:${hash}` }
}

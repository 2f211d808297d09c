import { readFileSync } from 'node:fs'

/**
 * The command a key is bound to in an authorized_keys file; undefined when the key is not in it, or not bound.
 *
 * Understands what claw-clan writes, `restrict,command="..." TYPE BASE64 COMMENT`, and lets nothing else in.
 */
export function forcedCommand(file: string, publicBlob: Buffer): string | undefined {
  const wanted = publicBlob.toString('base64')
  for (const line of linesOf(file)) {
    const [, quoted = '', base64] =
      /^restrict,command="((?:[^"\\]|\\.)*)" (?:ssh|ecdsa)-\S+ (\S+)( |$)/.exec(line) ?? []
    if (base64 === wanted) return quoted.replaceAll('\\"', '"')
  }
  return undefined
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return [] // nobody was let in yet
  }
}

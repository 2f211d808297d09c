import { createInterface } from 'node:readline/promises'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import type { Terminal } from './terminal.ts'

/** Ask a person a question that only a written-out "yes" answers with yes. The question goes to stderr. */
export async function ask(question: string, { progress }: Pick<Terminal, 'progress'>): Promise<boolean> {
  progress('')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await lines.question(`${printable(question)} (yes/no) `)).trim().toLowerCase() === 'yes'
  } finally {
    lines.close()
  }
}

/**
 * All of stdin, for a document that a program hands over.
 *
 * @throws {ClawError} `bad-input` when it is a terminal, or longer than `maxBytes`
 */
export async function readStdin(maxBytes: number): Promise<string> {
  if (process.stdin.isTTY) {
    throw new ClawError('bad-input', 'A document is needed on stdin, and stdin is a terminal')
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > maxBytes)
      throw new ClawError('bad-input', `The document on stdin is longer than ${maxBytes} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

import { writeSync } from 'node:fs'

/**
 * Write a result to stdout, with one final newline.
 *
 * Written to the descriptor itself: making `process.stdout` loads Node's streams, 4 ms of every run. What a full pipe
 * does not take at once goes through the stream after all, which waits for the reader.
 *
 * @returns 0, the exit code of having printed
 */
export function print(text: string): number {
  let rest = Buffer.from(text.endsWith('\n') ? text : `${text}\n`)
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    // `claw-status | head -1` closes stdout early: that is the reader's right, not an error.
    if (code === 'EPIPE') return 0
    if (code !== 'EAGAIN') throw error
    process.stdout.on('error', () => process.exit(process.exitCode ?? 0))
    process.stdout.write(rest)
  }
  return 0
}

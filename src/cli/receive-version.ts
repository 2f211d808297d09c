import { receiveVersion } from '../adapters/version-receiver.ts'
import { print } from './print.ts'

/** Take a version folder from stdin, and end with 0 when it is there. */
export async function receiveFromStdin(): Promise<number> {
  // The sender hung up: whatever is said now is heard by nobody.
  process.stdout.on('error', () => process.exit(1))
  const code = await receiveVersion(process.stdin, print)
  process.stdin.destroy()
  return code
}

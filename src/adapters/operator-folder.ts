import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** macOS has 104 bytes for the name of a socket, of which ssh needs 18 behind ours. */
const LONGEST_SOCKET = 86
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Make a private folder for files that ssh reads, and for its socket `s`: in the system's folder for temporary files,
 * unless ssh could not read its name or the name leaves no room for a socket.
 */
export function makeOperatorFolder(): Promise<string> {
  const fits = Buffer.byteLength(`${tmpdir()}/claw-clan-XXXXXX/s`) <= LONGEST_SOCKET
  return mkdtemp(join(isPlainPath(tmpdir()) && fits ? tmpdir() : '/tmp', 'claw-clan-'))
}

/** A path that ssh reads as it is written, wherever it takes one. */
export const isPlainPath = (path: string): boolean => /^[\w ./+-]+$/.test(path)

/** Do something once when the owner gives up (Ctrl-C, hang-up), and end as the program would have. */
export function beforeGivingUp(leave: () => void): Disposable {
  const forget = () => {
    for (const signal of ENDING) process.off(signal, onSignal)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    forget()
    leave()
    process.kill(process.pid, signal) // nobody listens any more: it ends as it would have
  }
  for (const signal of ENDING) process.once(signal, onSignal)
  return { [Symbol.dispose]: forget }
}

/** A folder as `makeOperatorFolder` makes it, that is gone afterwards, also when the owner gives up. */
export async function operatorFolder(): Promise<Disposable & { readonly path: string }> {
  const path = await makeOperatorFolder()
  const remove = () => rmSync(path, { recursive: true, force: true })
  const given = beforeGivingUp(remove)
  return {
    path,
    [Symbol.dispose]: () => {
      given[Symbol.dispose]()
      remove()
    },
  }
}

/** A plain path as an ssh_config value: one word. */
export const quotedPath = (path: string): string => `"${path}"`

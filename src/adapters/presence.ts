import { mkdirSync, rmSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'

/** Who is there, for people: process id, 0 when it did not say, and since when (UTC, ISO 8601). */
export type Presence = { readonly pid: number; readonly since: string }

/** One who is there answers at once; a frozen one does not, and is there all the same. */
const ANSWER_MS = 500
const MAX_ANSWER = 1024
const MUTE: Presence = { pid: 0, since: '' }

/**
 * Be the only one of a name in a folder for as long as this process lives; the kernel ends it with the process.
 *
 * It is a listening socket `<name>.sock`. That costs a resident program nothing, because mDNS has loaded Node's sockets
 * anyway, where the database behind our other locks costs 2 MB. A socket's path may have 104 bytes at most, so this
 * process moves into the folder and names it from there.
 *
 * @returns false when another one is there
 * @throws {Error} of the system when there can be no socket there
 */
export async function claimPresence(directory: string, name: string, own: Presence): Promise<boolean> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (await listen(directory, name, own)) return true
  if ((await askPresence(directory, name)) !== undefined) return false
  // Its owner died without removing it.
  rmSync(socketIn(directory, name), { force: true })
  return listen(directory, name, own)
}

/** @returns who is there; undefined when nobody is */
export function askPresence(directory: string, name: string): Promise<Presence | undefined> {
  return new Promise(resolve => {
    let answer = ''
    let isConnected = false
    const socket = createConnection(socketIn(directory, name))
    const end = () => {
      socket.destroy()
      resolve(isConnected ? readPresence(answer) : undefined)
    }
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, end)
    socket.on('connect', () => {
      isConnected = true
    })
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > MAX_ANSWER) end()
    })
    socket.on('end', end).on('error', end)
  })
}

function socketIn(directory: string, name: string): string {
  try {
    process.chdir(directory)
  } catch {
    return `${directory}/${name}.sock` // not made yet: then nobody is there either
  }
  return `${name}.sock`
}

function listen(directory: string, name: string, own: Presence): Promise<boolean> {
  const server = createServer(socket => {
    socket.on('error', () => {}) // the asker may be gone
    socket.end(`${JSON.stringify(own)}\n`)
  })
  server.unref().maxConnections = 8
  return new Promise((resolve, reject) => {
    server.on('error', error =>
      'code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen(socketIn(directory, name), () => resolve(true))
  })
}

function readPresence(answer: string): Presence {
  try {
    const { pid, since } = JSON.parse(answer)
    return {
      pid: Number.isSafeInteger(pid) ? pid : 0,
      since: typeof since === 'string' ? since.slice(0, 64) : '',
    }
  } catch {
    return MUTE
  }
}

// Ports that swallow connections, as an address behind a silent firewall does, on loopback and without root.
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import type { Scratch } from './scratch.ts'
import { HOST } from './sshd-farm.ts'

export type SilentPorts = { readonly ports: readonly number[]; readonly close: () => void }

const LISTEN = `
const { createServer } = require('node:net')
const count = Number(process.argv[1])
const servers = Array.from({ length: count }, () => createServer().listen({ host: '${HOST}', port: 0, backlog: 1 }))
let left = count
for (const server of servers) server.once('listening', () => {
  left -= 1
  if (left === 0) console.log(servers.map(server => server.address().port).join(' '))
})`

/** A connection to a port that answers is there at once on loopback; one that is not after this long never will be. */
const SILENCE_MS = 150

/**
 * Open ports whose listener is stopped and whose queue of waiting connections is full: the kernel drops every further
 * SYN without a word.
 */
export async function openSilentPorts(count: number, scratch: Scratch): Promise<SilentPorts> {
  const child = scratch.own(
    spawn(process.execPath, ['-e', LISTEN, `${count}`], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  const line = await new Promise<string>((resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error('Cannot open silent ports')))
    child.stdout?.once('data', data => resolve(String(data)))
  })
  const ports = line.trim().split(' ').map(Number)
  child.kill('SIGSTOP')
  const waiting = (await Promise.all(ports.map(fill))).flat()
  return {
    ports,
    close: () => {
      for (const socket of waiting) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}

async function fill(port: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < 16) {
    const socket = connect(port, HOST).on('error', () => {})
    sockets.push(socket)
    if (!(await isConnected(socket))) return sockets
  }
  throw new Error('This system queues connections without limit: no port can be made silent')
}

const isConnected = (socket: Socket): Promise<boolean> =>
  new Promise(resolve => {
    const late = setTimeout(() => resolve(false), SILENCE_MS)
    socket.once('connect', () => {
      clearTimeout(late)
      resolve(true)
    })
  })

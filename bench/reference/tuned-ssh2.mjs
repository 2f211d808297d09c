// The smallest tuned ssh2 script that asks the same machines the same question: what claw-ping is measured against.
// It keeps nothing, has no deadlines and understands no answer; it only prints what came back.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import Client from 'ssh2/lib/client.js'

const { host, ports, user, keyFile, hostKey, concurrency } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const privateKey = readFileSync(keyFile)
const pinned = Buffer.from(hostKey, 'base64')

const ping = port =>
  new Promise((resolve, reject) => {
    const client = new Client()
    client.on('error', reject).on('ready', () => {
      client.exec(`ping ${randomBytes(16).toString('hex')}`, (error, channel) => {
        if (error) return reject(error)
        let answer = ''
        channel.on('data', data => {
          answer += data
        })
        channel.on('close', () => {
          client.destroy()
          resolve(answer)
        })
      })
    })
    client.connect({
      host,
      port,
      username: user,
      privateKey,
      authHandler: ['publickey'],
      algorithms: { kex: ['curve25519-sha256'], serverHostKey: ['ssh-ed25519'] },
      hostVerifier: key => pinned.equals(key),
    })
    client.setNoDelay(true)
  })

const waiting = ports.values()
const worker = async () => {
  for (const port of waiting) process.stdout.write(await ping(port))
}
Promise.all(Array.from({ length: Math.min(concurrency, ports.length) }, worker))

import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { pinHostKey, pinnedKey } from '../../src/adapters/known-hosts.ts'
import { aPeer } from '../support/builders.ts'
import { readyHome, runProgram } from '../support/program.ts'
import { startTyped } from '../support/typed.ts'

test('a second claw-ping on a terminal waits for the first and shows its result', async () => {
  await using home = await homeWithMutePeer()
  const first = runProgram('ping', ['--json', '--home', home.path])
  await expect
    .poll(() => existsSync(join(home.path, 'locks', 'claw-ping.holder')), { timeout: 10_000 })
    .toBe(true)
  const second = startTyped('ping', ['--home', home.path])
  await second.waitFor(/waiting for the result of the claw-ping that is running/)

  const { durationMs, peers } = JSON.parse((await first).stdout)
  const code = await second.ended

  expect(code).toBe(0)
  expect(peers).toMatchObject([{ gatewayId: 'mute', outcome: 'miss', missedPings: 1 }])
  const screen = stripVTControlCharacters(second.screen())
  expect(screen).toContain(`0 of 1 answered in ${(durationMs / 1000).toFixed(1)} s`)
  const { peers: stored } = JSON.parse((await runProgram('status', ['--json', '--home', home.path])).stdout)
  expect(stored[0].missedPings).toBe(1)
})

test('claw-ping on a terminal shows progress on one line, then a coloured table within 80 columns', async () => {
  await using home = await homeWithMutePeer()

  const ping = startTyped('ping', ['--home', home.path])
  await ping.ended

  expect(ping.screen()).toContain('\r\u001b[Kprobed 0 of 1')
  expect(ping.screen()).toContain('\u001b[31mmiss')
  const lines = stripVTControlCharacters(ping.screen()).split(/[\r\n]+/)
  expect(lines.filter(line => line.length > 80)).toEqual([])
})

test('claw-status --watch shows the fleet anew until Ctrl-C', async () => {
  await using home = await homeWithMutePeer()
  const watch = startTyped('status', ['--watch', '--home', home.path])
  await watch.waitFor(/mute.*unknown/s)

  await runProgram('ping', ['--home', home.path])
  await watch.waitFor(/mute.*unresponsive/s)
  watch.type('\u0003')

  expect(await watch.ended).toBe(0)
})

test('claw-status --live pings first', async () => {
  await using home = await homeWithMutePeer()

  const { code, stdout } = await runProgram('status', ['--live', '--json', '--home', home.path])

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    lastRound: { stale: false },
    peers: [{ status: 'unresponsive', reason: 'ssh-timeout' }],
  })
})

test('a bad setting stops claw-ping on a terminal with file, key, value and what is allowed', async () => {
  await using home = await readyHome()
  await writeFile(join(home.path, 'config.json'), '{"pingTimeoutSeconds": 900}', { mode: 0o600 })

  const ping = startTyped('ping', ['--home', home.path])

  expect(await ping.ended).toBe(1)
  expect(ping.screen()).toMatch(/900.*config\.json: pingTimeoutSeconds.*from 1 to 60/)
})

/** A home with one peer whose sshd accepts and says nothing, so that a round takes the whole timeout of 4 s. */
async function homeWithMutePeer() {
  const server = createServer(() => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const home = await readyHome()
  const peer = { ...aPeer(), gatewayId: 'mute', ip: '127.0.0.1', sshPort: port }
  await writeFile(join(home.path, 'config.json'), '{"pingTimeoutSeconds": 4}', { mode: 0o600 })
  await mkdir(join(home.path, 'peers'), { mode: 0o700 })
  await writeFile(join(home.path, 'peers', 'mute.json'), JSON.stringify(peer), { mode: 0o600 })
  const blob = Buffer.concat([
    Buffer.from([0, 0, 0, 11]),
    Buffer.from('ssh-ed25519'),
    Buffer.from([0, 0, 0, 32]),
    Buffer.alloc(32, 7),
  ])
  await pinHostKey(
    join(home.path, 'known_hosts'),
    { gatewayId: 'mute', host: '127.0.0.1', port },
    pinnedKey(blob),
  )
  return {
    path: home.path,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await home[Symbol.asyncDispose]()
    },
  }
}

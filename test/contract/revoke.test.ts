import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { publicKeyText } from '../../src/fleet/public-key.ts'
import { acquireLock } from '../../src/store/lock.ts'
import { scriptOf } from '../support/program.ts'
import { aKey } from '../support/public-keys.ts'

test('a dry run makes no clan key where there is none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'claw-revoke-'))
  const keys = join(folder, 'home', 'keys')
  const env = { ...process.env, HOME: folder, CLAW_CLAN_HOME: join(folder, 'home') }
  const claw = (...words: readonly string[]) =>
    spawnSync(process.execPath, words, { env, encoding: 'utf8', timeout: 30_000 })
  claw(scriptOf('setup'), '--yes', '--gateway-id', 'vps', '--lead', '9')
  rmSync(keys, { recursive: true })

  const { stdout, status } = claw(scriptOf('setup-ssh'), 'forget', 'laptop', '--dry-run', '--json')

  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'unknown-peer' } })
  expect(status).toBe(2)
  expect(existsSync(keys)).toBe(false)
  rmSync(folder, { recursive: true })
})

test('a machine that may only look is locked out, though another run changes whom machines trust', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'claw-revoke-'))
  const home = join(folder, 'home')
  const keys = join(folder, 'authorized_keys')
  const env = { ...process.env, HOME: folder, CLAW_CLAN_HOME: home, CLAW_CLAN_AUTHORIZED_KEYS: keys }
  const claw = (words: readonly string[], input = '') =>
    spawnSync(process.execPath, words, { env, input, encoding: 'utf8', timeout: 30_000 })
  claw([scriptOf('setup'), '--yes', '--gateway-id', 'vps', '--lead', '9'])
  const facts = { gatewayId: 'laptop', name: 'Laptop', leadNumber: 2, sshUser: 'claw', version: '2.0.0' }
  const machine = { ...facts, clanPublicKey: publicKeyText(aKey('laptop')), ip: null, hostKey: null }
  claw([scriptOf('setup-ssh'), 'introduce'], JSON.stringify({ machines: [machine], forget: [] }))
  expect(readFileSync(keys, 'utf8')).toContain('claw-clan:laptop')
  const holder = { program: 'claw-setup-ssh', pid: process.pid, startedAt: '2026-11-20T12:00:00Z' }
  const request = { directory: join(home, 'locks'), name: 'trust', waitMs: 0, holder, clock: systemClock }
  using lock = await acquireLock(request)
  expect(lock).toBeDefined()

  const { status, stdout } = claw([scriptOf('setup-ssh'), 'revoke', 'laptop', '--only-here', '--json'])

  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ gatewayId: 'laptop', authorizedKey: true })
  expect(readFileSync(keys, 'utf8')).toBe('')
  rmSync(folder, { recursive: true })
})

import { expect, test } from 'vitest'
import { idFromHostname, type SetupAnswers, setUp } from '../../../src/actions/setup.ts'
import type { Identity } from '../../../src/fleet/identity.ts'
import { aCandidate, anIdentity, aPeer, id } from '../../support/builders.ts'
import { type StoreLiteral, storeOf } from '../../support/memory-store.ts'

const facts = { hostname: 'Marks-Mac.local', computerName: 'Mark’s Mac', user: 'mark', address: '10.0.0.7' }

function run(store: StoreLiteral, answers: SetupAnswers, { yes = true, dryRun = false } = {}) {
  const deps = {
    store,
    facts,
    version: '2.0.0',
    clock: { now: () => new Date('2026-11-20T12:00:00Z') },
    ensureClanKey: async () => ({ created: true, fingerprint: 'SHA256:k' }),
    writeLaunchers: () => ['/home/bin/claw-ping'],
    ensureConfig: async () => true,
  }
  return setUp(deps, answers, yes, dryRun)
}

test('--yes takes the computer name, the lowest free lead number and the login user', async () => {
  const store = storeOf([aPeer({ leadNumber: 1 })], { candidates: [aCandidate({ leadNumber: 2 })] })

  await run(store, {})

  expect(store.state.self).toMatchObject({
    gatewayId: 'Marks-Mac',
    name: 'Mark’s Mac',
    leadNumber: 3,
    sshUser: 'mark',
    ip: '10.0.0.7',
    clanKey: 'SHA256:k',
    incarnation: 1,
  })
})

test('without --yes a missing answer names its flags and nothing is written', async () => {
  const store = storeOf([])

  await expect(run(store, { name: 'X', lead: '2' }, { yes: false })).rejects.toMatchObject({
    code: 'missing-answer',
    message: expect.stringMatching(/--gateway-id, --ssh-user/),
  })
  expect(store.state.self).toBeUndefined()
})

test('running again changes only what is asked and raises the incarnation only then', async () => {
  const before: Identity = anIdentity({ leadNumber: 4, clanKey: 'SHA256:k', name: 'Old', ip: '10.0.0.7' })
  const store = storeOf([], { self: { ...before, extra: 'kept' } as Identity })

  const same = await run(store, {})
  const renamed = await run(store, { name: 'New' })

  expect(same).toMatchObject({ changed: false, firstTime: false })
  expect(renamed).toMatchObject({
    changed: true,
    self: { name: 'New', leadNumber: 4, incarnation: 2, extra: 'kept' },
  })
})

test('--dry-run writes nothing', async () => {
  const store = storeOf([])

  const result = await run(store, {}, { dryRun: true })

  expect(result.dryRun).toBe(true)
  expect(store.state.self).toBeUndefined()
})

test('a lead number another machine has is allowed with a warning that names it', async () => {
  const { warnings } = await run(storeOf([aPeer({ leadNumber: 2 })]), { lead: '2' })

  expect(warnings).toEqual([expect.stringMatching(/2.*studio/)])
})

test.each([
  [{ lead: '0' }, '--lead'],
  [{ lead: '10000' }, '--lead'],
  [{ gatewayId: '../x' }, '--gateway-id'],
  [{ name: 'a\u0007' }, '--name'],
  [{ sshUser: '-x' }, '--ssh-user'],
  [{ port: '0' }, '--port'],
  [{ repo: '-x' }, '--repo'],
])('%j is refused by its flag', async (answers, flag) => {
  await expect(run(storeOf([]), answers)).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringContaining(flag),
  })
})

test.each([
  ['Marks-Mac-Studio.local', 'Marks-Mac-Studio'],
  ['vm', 'vm'],
  ['böse kiste', 'b-se-kiste'],
  ['-x-', 'x'],
  ['日本', 'this-machine'],
  ['', 'this-machine'],
])('idFromHostname(%j) is %s', (hostname, expected) => {
  expect(idFromHostname(hostname)).toBe(id(expected))
})

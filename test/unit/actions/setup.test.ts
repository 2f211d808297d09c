import { expect, test } from 'vitest'
import { setUp } from '../../../src/actions/setup.ts'
import type { SetupAnswers } from '../../../src/actions/setup-answers.ts'
import { idFromHostname, type SettingsState } from '../../../src/actions/setup-former.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { Identity } from '../../../src/fleet/identity.ts'
import { readSettings, type Settings } from '../../../src/fleet/settings.ts'
import type { LostIdentity } from '../../../src/store/lost-identity.ts'
import { aCandidate, anIdentity, aPeer, id } from '../../support/builders.ts'
import { type StoreLiteral, storeOf } from '../../support/memory-store.ts'

const facts = {
  hostname: 'Marks-Mac.local',
  computerName: 'Mark’s Mac',
  user: 'mark',
  address: '10.0.0.7',
  hasBattery: false,
}

const settingsOf = (content: object, fixed?: ClawError): SettingsState => {
  const { settings, givenKeys } = readSettings(content, 'config.json', {})
  return { values: settings, givenKeys, fixed }
}

type Setting = {
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly settings?: SettingsState
  readonly hasBattery?: boolean
  readonly lost?: LostIdentity
  readonly written?: Partial<Settings>[]
}

function run(store: StoreLiteral, answers: SetupAnswers, setting: Setting = {}) {
  const { yes = true, dryRun = false, settings = settingsOf({}), hasBattery = false, lost } = setting
  const deps = {
    store,
    facts: { ...facts, hasBattery },
    settings,
    lostIdentity: () => lost ?? { known: {}, sources: [] },
    version: '2.0.0',
    clock: { now: () => new Date('2026-11-20T12:00:00Z') },
    ensureClanKey: async () => ({ created: true, fingerprint: 'SHA256:k' }),
    writeLaunchers: () => ['/home/bin/claw-ping'],
    ensureConfig: async () => true,
    changeSettings: async (changes: Partial<Settings>) => {
      setting.written?.push(changes)
      return true
    },
  }
  return setUp(deps, answers, { takeDefaults: yes, dryRun })
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
  const facts = { leadNumber: 4, clanKey: 'SHA256:k', name: 'Old', ip: '10.0.0.7', mayBeAway: false }
  const before: Identity = anIdentity(facts)
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
  [{ ntfy: 'my-topic' }, '--ntfy'],
  [{ ntfy: 'https://user:pw@ntfy.sh/topic' }, '--ntfy'],
])('%j is refused by its flag', async (answers, flag) => {
  await expect(run(storeOf([]), answers)).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringContaining(flag),
  })
})

test('an enrolled machine keeps its id for itself; one only heard of makes the default step aside', async () => {
  const store = storeOf([aPeer({ gatewayId: id('Studio') })], {
    candidates: [aCandidate({ gatewayId: id('marks-mac') })],
  })

  await expect(run(store, { gatewayId: 'studio' })).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringContaining('--gateway-id'),
  })
  expect((await run(store, {})).self.gatewayId).toBe('Marks-Mac-2')
})

test.each([true, false])('--yes: with a battery (%s) a machine may be away', async hasBattery => {
  const { self } = await run(storeOf([]), {}, { hasBattery })

  expect(self.mayBeAway).toBe(hasBattery)
})

test('what was never answered stays open without --yes, and what was answered is not answered anew', async () => {
  const store = storeOf([], { self: anIdentity() })
  const written: Partial<Settings>[] = []

  const open = await run(store, { name: 'New' }, { yes: false, hasBattery: true, written })
  await run(store, { mayBeAway: false, allowRestart: true }, { yes: false, written })
  const settings = settingsOf({ allow: { restartGateway: true }, alerts: [] })
  await run(store, {}, { hasBattery: true, settings, written })

  expect(open.self).not.toHaveProperty('mayBeAway')
  expect(written).toEqual([{ 'allow.restartGateway': true }])
  expect(store.state.self?.mayBeAway).toBe(false)
})

test('--yes writes the safe defaults of the questions about alerts and restarts down, once', async () => {
  const written: Partial<Settings>[] = []

  const { settingsChanged } = await run(storeOf([]), {}, { written })

  expect(written).toEqual([{ 'allow.restartGateway': false, alerts: [] }])
  expect(settingsChanged).toEqual(['allow.restartGateway', 'alerts'])
})

test('an ntfy topic takes the place of the former one and leaves other alerts alone', async () => {
  const written: Partial<Settings>[] = []
  const webhook = { kind: 'webhook', url: 'https://example.org/hook' }
  const settings = settingsOf({ alerts: [{ kind: 'ntfy', url: 'https://ntfy.sh/old' }, webhook] })
  const self = anIdentity()

  await run(storeOf([], { self }), { ntfy: 'https://ntfy.sh/new-1' }, { yes: false, settings, written })
  await run(storeOf([], { self }), { ntfy: 'none' }, { yes: false, settings, written })

  expect(written).toEqual([
    { alerts: [webhook, { kind: 'ntfy', url: 'https://ntfy.sh/new-1' }] },
    { alerts: [webhook] },
  ])
})

test('an answer that stands already is not written again', async () => {
  const written: Partial<Settings>[] = []
  const self = anIdentity()
  const url = 'https://ntfy.sh/a'
  const repo = 'git@host:a/b.git'
  const alerts = [{ kind: 'ntfy', url }]
  const settings = settingsOf({ allow: { restartGateway: true }, alerts, skills: { repo } })

  const same = { allowRestart: true, ntfy: url, repo }
  const { settingsChanged } = await run(storeOf([], { self }), same, { yes: false, settings, written })

  expect(settingsChanged).toEqual([])
  expect(written).toEqual([])
})

test('the repository goes into the settings, which win, and into the identity', async () => {
  const written: Partial<Settings>[] = []
  const self = anIdentity({ githubRepo: 'git@host:a/old.git' })
  const settings = settingsOf({ skills: { repo: 'git@host:a/won.git' } })

  const kept = await run(storeOf([], { self }), {}, { yes: false, settings, written })
  const none = await run(storeOf([], { self }), { repo: 'none' }, { yes: false, settings, written })

  expect(kept.self.githubRepo).toBe('git@host:a/won.git')
  expect(none.self.githubRepo).toBeNull()
  expect(written).toEqual([{ 'skills.repo': null }])
})

test('settings that only the owner writes are left to him', async () => {
  const settings = settingsOf({}, new ClawError('bad-settings', 'The settings are in "config.yaml"'))
  const written: Partial<Settings>[] = []

  await run(storeOf([]), {}, { settings, written })

  expect(written).toEqual([])
  await expect(run(storeOf([]), { allowRestart: true }, { settings })).rejects.toMatchObject({
    code: 'bad-input',
    message: expect.stringMatching(/--allow-restart.*config\.yaml/),
  })
})

/** A store whose `state.json` is damaged until it is written anew. */
function damagedStore(): StoreLiteral {
  const store = storeOf([])
  const error = new ClawError('damaged-state', 'Cannot use "/home/state.json": it is not JSON')
  return {
    ...store,
    self: async () => (store.state.self === undefined ? Promise.reject(error) : store.state.self),
  }
}

test('a damaged state.json is written anew from what the home still says', async () => {
  const store = damagedStore()
  const known = { gatewayId: id('mini'), name: 'Mini', leadNumber: 4, sshUser: 'claw', incarnation: 7 }

  const { self, warnings } = await run(
    store,
    { lead: '4' },
    { yes: false, lost: { known, sources: ['identity.json'] } },
  )

  expect(store.state.self).toMatchObject({ ...known, incarnation: expect.toSatisfy((n: number) => n > 7) })
  expect(self.gatewayId).toBe('mini')
  expect(warnings).toEqual([expect.stringMatching(/not JSON.*corrupt.*identity\.json/)])
})

test('where nothing tells the id of a damaged home, even --yes asks for it', async () => {
  const store = damagedStore()

  await expect(run(store, {})).rejects.toMatchObject({
    code: 'missing-answer',
    message: expect.stringMatching(/needs --gateway-id$/),
  })
  expect((await run(store, { gatewayId: 'mini' })).self.gatewayId).toBe('mini')
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

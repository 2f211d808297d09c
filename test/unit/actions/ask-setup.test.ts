import { expect, test } from 'vitest'
import { askSetup } from '../../../src/actions/ask-setup.ts'
import type { SetupAnswers } from '../../../src/actions/setup-answers.ts'
import { readFormer } from '../../../src/actions/setup-former.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { Identity } from '../../../src/fleet/identity.ts'
import { readSettings } from '../../../src/fleet/settings.ts'
import { type Reply, scriptedAsker } from '../../support/asker.ts'
import { anIdentity, aPeer } from '../../support/builders.ts'
import { storeOf } from '../../support/memory-store.ts'

const facts = {
  hostname: 'mini.local',
  computerName: 'Mini',
  user: 'claw',
  address: '10.0.0.1',
  hasBattery: true,
}

type Ask = {
  readonly self?: Identity
  readonly settings?: object
  readonly flags?: SetupAnswers
  readonly replies?: readonly (readonly [RegExp, Reply])[]
  readonly again?: boolean
  readonly fixed?: ClawError
}

async function ask({ self, settings = {}, flags = {}, replies = [], again = false, fixed }: Ask) {
  const { settings: values, givenKeys } = readSettings(settings, 'config.json', {})
  const former = await readFormer({
    store: storeOf([aPeer({ leadNumber: 2 })], self === undefined ? {} : { self }),
    facts,
    settings: { values, givenKeys, fixed },
    lostIdentity: () => ({ known: {}, sources: [] }),
  })
  const asker = scriptedAsker(replies)
  const narrow = Object.keys(flags).length > 0
  const answers = await askSetup(asker, { former, flags, mode: { again, narrow } })
  return { answers, asker }
}

const answeredSelf = anIdentity({ mayBeAway: false })
const answeredSettings = { allow: { restartGateway: false }, alerts: [] }

test('the first time every question is asked once, Enter takes the default', async () => {
  const { answers, asker } = await ask({})

  expect(asker.asked).toHaveLength(8)
  expect(answers).toEqual({
    gatewayId: 'mini',
    name: 'Mini',
    lead: '1',
    sshUser: 'claw',
    repo: 'none',
    mayBeAway: true,
    allowRestart: false,
    ntfy: 'none',
  })
})

test('what a flag answers is not asked', async () => {
  const { asker } = await ask({ flags: { gatewayId: 'x', name: 'X', lead: '5', sshUser: 'x', repo: '' } })

  expect(asker.asked).toEqual([
    expect.stringContaining('carried away'),
    expect.stringContaining('restart'),
    expect.stringContaining('ntfy'),
  ])
})

test('a flag that is not allowed is refused before the first question', async () => {
  await expect(ask({ flags: { lead: '0' }, replies: [[/./, 'ctrl-c']] })).rejects.toMatchObject({
    code: 'bad-input',
  })
})

test('running it again shows the answers and asks only what is marked', async () => {
  const { answers, asker } = await ask({
    self: answeredSelf,
    settings: answeredSettings,
    replies: [
      [/Present answers/, ['name']],
      [/Name/, 'Maxi'],
    ],
  })

  expect(asker.asked).toEqual([expect.stringContaining('Present answers'), expect.stringContaining('Name')])
  expect(answers).toEqual({ name: 'Maxi' })
})

test('running it again with a flag changes that and asks nothing', async () => {
  const { answers, asker } = await ask({
    self: answeredSelf,
    settings: answeredSettings,
    flags: { lead: '7' },
  })

  expect(asker.asked).toEqual([])
  expect(answers).toEqual({ lead: '7' })
})

test('questions that an older home was never asked are asked at the next run, and never again', async () => {
  const { answers, asker } = await ask({ self: anIdentity() })

  expect(asker.asked).toHaveLength(4)
  expect(answers).toEqual({ mayBeAway: true, allowRestart: false, ntfy: 'none' })
})

test('what the settings file cannot take is not asked', async () => {
  const fixed = new ClawError('bad-settings', 'The settings are in "config.yaml"')

  const { asker } = await ask({ fixed })

  expect(asker.asked.join()).toContain('carried away')
  expect(asker.asked.join()).not.toMatch(/restart|ntfy/)
})

test('--ask asks everything again, the present answers as defaults', async () => {
  const { answers, asker } = await ask({ self: answeredSelf, settings: answeredSettings, again: true })

  expect(asker.asked).toHaveLength(8)
  expect(answers).toMatchObject({ name: 'Mini', lead: '1', mayBeAway: false })
})

test('a wrong answer is told and asked again', async () => {
  const { answers, asker } = await ask({
    replies: [
      [/Lead/, 'first'],
      [/Lead/, '10000'],
      [/Lead/, '4'],
      [/Gateway id/, '../etc'],
      [/Gateway id/, 'studio'],
      [/Gateway id/, 'mini-2'],
    ],
  })

  expect(answers).toMatchObject({ lead: '4', gatewayId: 'mini-2' })
  expect(asker.told.join()).toMatch(/\.\.\/etc.*studio.*enrolled.*first.*10000/)
})

test('a lead number another machine has is taken only when that is meant', async () => {
  const changed = await ask({
    replies: [
      [/Lead/, '2'],
      [/all the same/, false],
      [/Lead/, '3'],
    ],
  })
  const meant = await ask({
    replies: [
      [/Lead/, '2'],
      [/all the same/, true],
    ],
  })

  expect(changed.asker.told.join()).toMatch(/2 is already used by studio/)
  expect(changed.answers.lead).toBe('3')
  expect(meant.answers.lead).toBe('2')
})

test('Ctrl-C at any question ends it', async () => {
  await expect(ask({ replies: [[/Lead/, 'ctrl-c']] })).rejects.toMatchObject({ code: 'cancelled' })
})

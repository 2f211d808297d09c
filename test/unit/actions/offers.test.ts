import { expect, test } from 'vitest'
import type { FoundMachine } from '../../../src/actions/discover.ts'
import type { OfferDeps, StepReport } from '../../../src/actions/offer.ts'
import { makeOffers, plannedOffers } from '../../../src/actions/offers.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { scriptedAsker } from '../../support/asker.ts'
import { id } from '../../support/builders.ts'

const aMachine = (name: string, facts: Partial<FoundMachine> = {}): FoundMachine => ({
  gatewayId: id(name),
  name,
  ip: '10.0.0.9',
  port: 22,
  leadNumber: 2,
  version: '2.0.0',
  known: 'candidate',
  ...facts,
})

/** Every step works; each leaves its name in `calls`. */
function offers(more: Partial<OfferDeps> = {}) {
  const calls: string[] = []
  const deps: OfferDeps = {
    asker: undefined,
    wanted: {},
    sshUser: 'claw',
    bashVersion: undefined,
    announce: {
      present: async () => undefined,
      start: async () => {
        calls.push('announce')
        return 'started'
      },
    },
    discover: async () => {
      calls.push('discover')
      return [aMachine('me', { known: 'self' }), aMachine('studio')]
    },
    enrol: async ({ gatewayId }, user) => {
      calls.push(`enrol ${user}@${gatewayId}`)
      return { gatewayId }
    },
    peers: async () => 1,
    check: async () => {
      calls.push('check')
      return [{ gatewayId: id('studio'), outcome: 'ack', reason: null, detail: null, next: null }]
    },
    schedule: {
      present: async () => undefined,
      start: async () => {
        calls.push('schedule')
        return 'every 15 minutes'
      },
    },
    ...more,
  }
  return { deps, calls }
}

const outcomes = (reports: readonly StepReport[]) =>
  Object.fromEntries(reports.map(({ step, outcome }) => [step, outcome]))

test('a person who says yes to all gets all, in order', async () => {
  const asker = scriptedAsker([
    [/which of these/, ['studio']],
    [/login name on studio/, 'mark'],
  ])
  const { deps, calls } = offers({ asker })

  const reports = await makeOffers(deps)

  expect(calls).toEqual(['announce', 'discover', 'enrol mark@studio', 'check', 'schedule'])
  expect(reports.map(({ outcome, next }) => [outcome, next])).toEqual(Array(5).fill(['done', null]))
})

test('without a person and without flags nothing is done, and nothing is even looked at', async () => {
  const never = async () => Promise.reject(new Error('was called'))
  const { deps } = offers({
    announce: { present: never, start: never },
    schedule: { present: never, start: never },
    discover: never,
    check: never,
  })

  const reports = await makeOffers(deps)

  expect(outcomes(reports)).toEqual({
    announce: 'open',
    discover: 'open',
    enrol: 'open',
    check: 'open',
    schedule: 'open',
  })
  expect(reports.every(({ next }) => next !== null)).toBe(true)
})

test('flags stand for answers: what they want is done, the rest is left', async () => {
  const asker = scriptedAsker()
  const { deps, calls } = offers({
    asker,
    wanted: { announce: false, discover: false, check: false, schedule: true },
  })

  const reports = await makeOffers(deps)

  expect(calls).toEqual(['schedule'])
  expect(asker.asked).toEqual([])
  expect(outcomes(reports)).toMatchObject({ announce: 'declined', schedule: 'done', enrol: 'open' })
})

test('one that fails stops no other, and its command is named', async () => {
  const trouble = new ClawError('command-failed', 'No systemd here', { hint: 'Run it in the foreground' })
  const broken = { present: async () => undefined, start: async () => Promise.reject(trouble) }
  const { deps, calls } = offers({ asker: scriptedAsker(), announce: broken })

  const [announce, ...others] = await makeOffers(deps)

  expect(announce).toEqual({
    step: 'announce',
    outcome: 'failed',
    note: 'No systemd here. Run it in the foreground',
    next: 'claw-register start',
  })
  expect(others.map(({ outcome }) => outcome)).not.toContain('failed')
  expect(calls).toEqual(['discover', 'check', 'schedule'])
})

test('--dry-run names the steps that flags ask for', () => {
  expect(outcomes(plannedOffers({ schedule: true, announce: true, check: false }))).toEqual({
    announce: 'open',
    schedule: 'open',
  })
})

test('what is there already is not offered', async () => {
  const asker = scriptedAsker()
  const present = { present: async () => 'cron, every 15 minutes', start: async () => '' }
  const { deps } = offers({ asker, schedule: present })

  const reports = await makeOffers(deps)

  expect(reports.at(-1)).toMatchObject({ outcome: 'already', note: 'cron, every 15 minutes', next: null })
  expect(asker.asked.join()).not.toContain('schedule')
})

test('a machine that cannot be enrolled does not keep the next from it', async () => {
  const { deps } = offers({
    asker: scriptedAsker([[/which of these/, ['studio', 'mini']]]),
    discover: async () => [aMachine('studio', { ip: '10.0.0.8', port: 2222 }), aMachine('mini')],
    enrol: async ({ gatewayId }) => {
      if (gatewayId === 'studio') throw new ClawError('auth-denied', 'No login on studio')
      return { gatewayId }
    },
  })

  const enrol = (await makeOffers(deps)).find(({ step }) => step === 'enrol')

  expect(enrol).toEqual({
    step: 'enrol',
    outcome: 'failed',
    note: 'studio: No login on studio; mini enrolled',
    next: 'claw-setup-ssh add claw 10.0.0.8 --port 2222',
  })
})

test.each(['self', 'enrolled', 'conflict'] as const)('a machine that is %s is not offered', async known => {
  const { deps, calls } = offers({
    wanted: { discover: true, enrol: true },
    discover: async () => [aMachine('studio', { known })],
  })

  const reports = await makeOffers(deps)

  expect(calls).toEqual([])
  expect(reports[2]).toMatchObject({ step: 'enrol', outcome: 'open', note: 'no new machine was heard' })
})

test('Ctrl-C leaves the rest open and keeps the word of what was done', async () => {
  const { deps, calls } = offers({
    asker: scriptedAsker([
      [/which of these/, ['studio', 'mini']],
      [/login name on mini/, 'ctrl-c'],
    ]),
    discover: async () => [aMachine('studio'), aMachine('mini')],
  })

  const reports = await makeOffers(deps)

  expect(calls).toEqual(['announce', 'enrol claw@studio'])
  expect(outcomes(reports)).toEqual({
    announce: 'done',
    discover: 'done',
    enrol: 'done',
    check: 'open',
    schedule: 'open',
  })
})

test.each([
  { found: [aMachine('me', { known: 'self' })], note: /nobody else/ },
  { found: [aMachine('a', { known: 'enrolled' })], note: /1 machine heard, all known/ },
  { found: [aMachine('a'), aMachine('b', { known: 'conflict' })], note: /2 machines heard, 1 not enrolled/ },
])('discovery says $note', async ({ found, note }) => {
  const { deps } = offers({ wanted: { discover: true }, discover: async () => found })

  const reports = await makeOffers(deps)

  expect(reports[1]?.note).toMatch(note)
})

test('peers that do not answer are a finding with a next step, not a failure', async () => {
  const silent = {
    gatewayId: id('mini'),
    outcome: 'miss',
    reason: 'auth-denied',
    detail: null,
    next: 'x',
  } as const
  const { deps } = offers({ wanted: { check: true }, check: async () => [silent] })

  const report = (await makeOffers(deps)).find(({ step }) => step === 'check')

  expect(report).toMatchObject({
    outcome: 'done',
    note: '0 of 1 answer; not: mini (auth-denied)',
    next: 'claw-setup-ssh check',
  })
})

test('the bash version is shown before it is replaced, and left where the answer is no', async () => {
  const replaced: string[] = []
  const bashVersion = {
    shown: '*/15 * * * * claw-ping.sh',
    does: ['schedule'] as const,
    start: async () => {
      replaced.push('bash')
      return '1 crontab line'
    },
  }
  const no = scriptedAsker([[/Replace/, false]])

  const [declined, ...others] = await makeOffers(offers({ asker: no, bashVersion }).deps)
  const [done] = await makeOffers(offers({ wanted: { 'bash-version': true }, bashVersion }).deps)

  expect(no.told.join()).toContain('claw-ping.sh')
  expect(declined).toMatchObject({ outcome: 'declined', next: 'claw-setup --replace-bash' })
  expect(others.at(-1)).toMatchObject({ step: 'schedule', outcome: 'open', next: declined?.next })
  expect(no.asked.join()).not.toContain('schedule?')
  expect(done).toMatchObject({ outcome: 'done', note: '1 crontab line' })
  expect(replaced).toEqual(['bash'])
})

import { expect, test } from 'vitest'
import type { StepReport } from '../../../src/actions/offer.ts'
import { renderSetup, type SetupView } from '../../../src/cli/render-setup.ts'
import { anIdentity } from '../../support/builders.ts'

const look = { columns: 80, paint: (_style: unknown, text: string) => text }

const view = (more: Partial<SetupView> = {}): SetupView => ({
  self: anIdentity({ clanKey: 'SHA256:k', mayBeAway: true }),
  changed: true,
  firstTime: true,
  formerId: null,
  dryRun: false,
  clanKeyCreated: true,
  configWritten: true,
  settingsChanged: [],
  answers: { allowRestart: false, ntfy: null },
  launchers: [],
  warnings: [],
  home: '/home/claw/.openclaw/claw-clan',
  steps: [],
  ...more,
})

const aStep = (more: Partial<StepReport>): StepReport => ({
  step: 'announce',
  outcome: 'done',
  note: 'announced',
  next: null,
  ...more,
})

test.each([
  { facts: { firstTime: true }, says: 'Set up this machine as mini' },
  { facts: { firstTime: false }, says: 'Changed this machine as mini' },
  { facts: { firstTime: false, changed: false }, says: 'Unchanged: this machine as mini' },
  { facts: { firstTime: false, changed: false, settingsChanged: ['alerts'] }, says: 'Changed this machine' },
  { facts: { dryRun: true }, says: 'Would set up this machine as mini' },
])('$facts: $says', ({ facts, says }) => {
  expect(renderSetup(view(facts), look)).toContain(says)
})

test('every step has its line, and what is left its command, once', () => {
  const steps = [
    aStep({}),
    aStep({ step: 'check', outcome: 'open', note: 'not asked for', next: 'claw-setup-ssh check' }),
    aStep({ step: 'enrol', outcome: 'failed', note: 'No login', next: 'claw-setup-ssh add claw 10.0.0.2' }),
    aStep({ step: 'schedule', outcome: 'failed', note: 'No cron', next: 'claw-setup-ssh check' }),
  ]

  const text = renderSetup(view({ steps }), look)

  expect(text).toMatch(/^announce +done +announced$/m)
  expect(text).toMatch(/^check +not done +not asked for$/m)
  expect(text).toMatch(/^enrol +failed +No login$/m)
  expect(text).toMatch(/^ {2}claw-setup-ssh add claw 10\.0\.0\.2 +enrol a machine$/m)
  expect(text.match(/claw-setup-ssh check/g)).toHaveLength(1)
})

test('when all is done, the next thing is to look', () => {
  expect(renderSetup(view({ steps: [aStep({})] }), look)).toMatch(/Next: claw-status shows the fleet$/)
})

test('foreign text fits 80 columns and moves no cursor', () => {
  const long = 'word '.repeat(60)
  const steps = [
    aStep({ outcome: 'failed', note: `\u001b[2J${long}\nsecond line`, next: 'claw-register start' }),
  ]
  const self = anIdentity({ name: 'Big '.repeat(16).trim() })

  const text = renderSetup(view({ self, steps, warnings: [`\u001b]0;title\u0007${long}`] }), look)

  expect(text.split('\n').filter(line => line.length > 80)).toEqual([])
  expect(text).not.toContain('\u001b')
})

test('a path is shown whole, however long', () => {
  const home = `/Volumes/${'a'.repeat(90)}/claw-clan`

  expect(renderSetup(view({ home }), look)).toContain(`${home}/bin`)
})

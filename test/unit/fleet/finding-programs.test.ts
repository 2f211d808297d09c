import { describe, expect, test } from 'vitest'
import {
  judgeLinks,
  judgeNode,
  judgeOpenClaw,
  judgeVersion,
  type LauncherFacts,
  type LinkFacts,
  type OpenClawFacts,
} from '../../../src/fleet/finding-programs.ts'

describe('judgeNode()', () => {
  const launcher: LauncherFacts = {
    path: '/h/bin/claw-ping',
    isRunnable: true,
    node: { path: '/usr/bin/node', exists: true },
    script: { path: '/h/current/dist/ping.js', exists: true },
  }
  const judge = (version: string, expected: readonly string[], ...launchers: readonly LauncherFacts[]) =>
    judgeNode({ version, bin: '/h/bin', launchers, expected, isInstalled: true }).map(
      ({ id, severity, fix }) => [id, severity, fix?.kind],
    )

  test.each<[string, string, readonly string[], LauncherFacts, unknown]>([
    ['all is there', '24.11.0', ['claw-ping'], launcher, ['node', 'ok', undefined]],
    ['an old node', '24.10.9', [], launcher, ['node', 'problem', undefined]],
    [
      'a launcher is missing',
      '24.11.0',
      ['claw-ping', 'claw-peer'],
      launcher,
      ['launchers', 'problem', 'programs'],
    ],
    [
      'a launcher that cannot be started',
      '24.11.0',
      [],
      { ...launcher, isRunnable: false },
      ['launchers', 'problem', 'programs'],
    ],
    [
      'its program is gone',
      '24.11.0',
      [],
      { ...launcher, script: { path: '/h/x.js', exists: false } },
      ['launchers', 'problem', 'programs'],
    ],
    [
      'its node is gone',
      '24.11.0',
      [],
      { ...launcher, node: { path: '/n/node', exists: false } },
      ['node', 'problem', 'programs'],
    ],
    [
      'its node lies in a clone',
      '24.11.0',
      [],
      { ...launcher, node: { path: '/c/node_modules/node/bin/node', exists: true } },
      ['node', 'note', undefined],
    ],
  ])('%s', (_what, version, expected, one, finding) => {
    expect(judge(version, expected, one)).toEqual([finding])
  })
})

test.each([
  [true, 'claw-setup activate'],
  [false, 'claw-setup --yes'],
])('launchers are written anew by what wrote them; installed: %s', (isInstalled, next) => {
  const findings = judgeNode({
    version: '24.11.0',
    bin: '/b',
    launchers: [],
    expected: ['claw-ping'],
    isInstalled,
  })

  expect(findings.map(each => each.next)).toEqual([next])
})

test.each([
  ['2.0.0-0123456789ab', [], 'ok'],
  ['2.0.0-0123456789ab', ['dist/ping.js'], 'problem'],
  [undefined, [], 'note'],
])('version %s with %j damaged: %s', (name, damaged, severity) => {
  expect(judgeVersion({ name, damaged }).map(each => each.severity)).toEqual([severity])
})

test.each<[string, Partial<LinkFacts>, readonly unknown[]]>([
  ['all there', {}, ['ok', undefined]],
  ['not on PATH', { isOnPath: false }, ['note', undefined]],
  ['one is missing', { missing: ['claw-ping'] }, ['warning', 'programs']],
  ['of another origin', { foreign: ['claw-ping'] }, ['note', undefined]],
  ['none wanted', { folder: null, isOnPath: false }, ['ok', undefined]],
])('links: %s', (_what, change, [severity, fix]) => {
  const facts = { folder: '/b', isOnPath: true, missing: [], foreign: [], kept: ['claw-status'] }

  const [finding] = judgeLinks({ ...facts, ...change })

  expect([finding?.severity, finding?.fix?.kind]).toEqual([severity, fix])
})

test.each<[string, Partial<OpenClawFacts>, readonly string[]]>([
  ['here, with the skill', {}, ['openclaw ok', 'skills ok']],
  ['not on this machine', { hasState: false, program: undefined }, ['openclaw note']],
  ['set up, and its program not on PATH', { program: undefined }, ['openclaw note', 'skills ok']],
  [
    'the skill is broken',
    { skills: [{ name: 'claw-clan', path: '/s', faults: ['it is not there'] }] },
    ['openclaw ok', 'skills warning'],
  ],
  [
    'OpenClaw itself leaves it out',
    { loaded: [{ name: 'claw-clan', isReady: false, why: 'it is switched off there' }] },
    ['openclaw ok', 'skills warning', 'skills ok'],
  ],
])('OpenClaw: %s', (_what, change, findings) => {
  const facts: OpenClawFacts = {
    state: '/o',
    hasState: true,
    program: '/usr/bin/openclaw',
    version: '2026.9.6',
    skills: [{ name: 'claw-clan', path: '/o/skills/claw-clan/SKILL.md', faults: [] }],
    loaded: [],
  }

  expect(judgeOpenClaw({ ...facts, ...change }).map(({ id, severity }) => `${id} ${severity}`)).toEqual(
    findings,
  )
})

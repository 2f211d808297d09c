import { expect, test } from 'vitest'
import { nextStep } from '../../../src/actions/check-ssh.ts'
import { renderCheck } from '../../../src/cli/render-check.ts'
import { widthOf } from '../../../src/cli/terminal.ts'
import type { MissReason, UnmadeReason } from '../../../src/fleet/probe.ts'
import { aPeer, id } from '../../support/builders.ts'

const REASONS: readonly (MissReason | UnmadeReason)[] = [
  ...([
    'no-key',
    'no-host-key',
    'no-network',
    'host-unreachable',
    'ssh-refused',
    'ssh-busy',
    'ssh-timeout',
  ] as const),
  ...([
    'ssh-failed',
    'auth-denied',
    'host-key-changed',
    'wrong-identity',
    'stale-nonce',
    'no-answer',
  ] as const),
]

test.each<[MissReason | UnmadeReason, RegExp]>([
  ['no-key', /claw-setup-ssh keygen/],
  ['no-host-key', /claw-setup-ssh trust studio.*claw-setup-ssh add claw 10\.0\.0\.2"/],
  ['no-network', /claw-doctor/],
  ['host-unreachable', /claw-discover/],
  ['ssh-refused', /System Settings > General > Sharing > Remote Login.*systemctl enable --now ssh/],
  ['ssh-busy', /claw-setup-ssh check/],
  ['ssh-failed', /claw-setup-ssh test claw 10\.0\.0\.2"/],
  ['auth-denied', /claw-setup-ssh add claw 10\.0\.0\.2"/],
  ['host-key-changed', /ssh-keygen -lf .*claw-setup-ssh trust studio/],
  ['wrong-identity', /claw-discover/],
  ['no-answer', /claw-remote-install claw 10\.0\.0\.2"/],
])('after %s the owner is given the command that helps', (reason, command) => {
  expect(nextStep(aPeer(), reason)).toMatch(command)
})

test('the command names the machine as its owner does, in words a shell takes as they are', () => {
  expect(nextStep(aPeer({ sshPort: 2222 }), 'auth-denied')).toContain('add claw 10.0.0.2 --port 2222"')
  expect(nextStep(aPeer({ sshAlias: 'mini' }), 'auth-denied')).toContain('add claw mini --port 22"')
  expect(nextStep(aPeer({ sshUser: 'claw$' }), 'auth-denied')).toContain("add 'claw$' 10.0.0.2")
})

test('a machine without our gate is about its own key file', () => {
  const legacy = aPeer({ legacyKey: '/home/me/my key' })

  for (const reason of REASONS)
    expect(nextStep(legacy, reason)).not.toMatch(/our clan key|setup-ssh keygen|remote-install/)
  expect(nextStep(legacy, 'auth-denied')).toContain("--legacy --key '/home/me/my key'")
})

test('every instruction is shown whole in 80 columns', () => {
  const peers = REASONS.map(reason => ({
    ...{ gatewayId: id('studio'), outcome: 'miss' as const, reason },
    detail: 'Cannot reach "claw@10.0.0.2:22": \u001b[2J nothing listens there',
    next: nextStep(aPeer(), reason),
  }))
  const look = { columns: 80, paint: (_style: unknown, text: string) => text }

  const text = renderCheck({ clanKey: 'SHA256:x', clanKeyMade: true, peers }, look)

  expect(text.split('\n').every(line => widthOf(line) <= 80)).toBe(true)
  expect(text).not.toContain('\u001b')
  expect(text).toContain('(made now)')
  for (const { next } of peers) expect(text.replaceAll(/\n {8}/g, ' ')).toContain(`next: ${next}`)
})

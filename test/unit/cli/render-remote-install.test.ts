import { expect, test } from 'vitest'
import type { RemoteInstall } from '../../../src/actions/remote-installation.ts'
import { renderInstall, renderUpdates } from '../../../src/cli/render-remote-install.ts'
import { id } from '../../support/builders.ts'

const look = { columns: 80, paint: (_: unknown, text: string) => text }
const NAME = '2.1.0-0123456789ab'
const install: RemoteInstall = {
  ...{ gatewayId: id('beta'), host: '10.0.0.2', version: NAME, previous: '2.0.0-ba9876543210' },
  ...{ firstInstall: false, dryRun: false },
  steps: [
    { step: 'self-test', result: 'ok', detail: '4 checks, Node 24.11.0' },
    { step: 'announcing', result: 'finding', detail: `${'no systemd \u001b[2J here; '.repeat(6)}end` },
  ],
}
const widest = (text: string) => Math.max(...text.split('\n').map(line => line.length))

test('one install is a line per step, findings wrapped below themselves, nothing that moves a cursor', () => {
  const text = renderInstall(install, look)

  expect(text).toMatch(
    /^Updated 2\.1\.0-0123456789ab on beta \(10\.0\.0\.2\)\n\n {2}self-test {3}ok {9}4 checks/,
  )
  expect(text).toMatch(/\n {2}announcing {2}finding {4}no systemd \\x1b\[2J[^\n]+\n {25}\S/)
  expect([widest(text) <= 80, text.includes('\u001b')]).toEqual([true, false])
})

test.each([
  [{ firstInstall: true }, /^Installed /],
  [{ previous: NAME }, /^Verified /],
  [{ dryRun: true }, /^Nothing was changed; this would be done on beta/],
])('its first line says what happened: %j', (facts, first) => {
  expect(renderInstall({ ...install, ...facts }, look)).toMatch(first)
})

test('a whole fleet is a line per machine, then what needs the owner', () => {
  const reason = `Cannot reach "10.0.0.3:22": ${'nothing listens there, '.repeat(4)}`
  const peers = [
    { gatewayId: 'beta', state: 'updated', reason: null, next: null, install },
    { gatewayId: 'gamma', state: 'offline', reason, next: 'Switch SSH on there', install: null },
  ] as const

  const text = renderUpdates({ version: NAME, dryRun: false, peers }, look)

  expect(text).toMatch(/^beta +updated +4 checks, Node 24\.11\.0, was 2\.0\.0-ba9876543210$/m)
  expect(text).toMatch(/^gamma +offline$/m)
  expect(text).toMatch(/^! beta: announcing: no systemd/m)
  expect(text).toMatch(/^! gamma: Cannot reach "10\.0\.0\.3:22"[^\n]+\n {4}there,/m)
  expect(text).toMatch(/^ {2}next: Switch SSH on there$/m)
  expect(widest(text)).toBeLessThanOrEqual(80)
})

test('a fleet of one is told how to grow', () => {
  expect(renderUpdates({ version: NAME, dryRun: false, peers: [] }, look)).toContain(
    'claw-remote-install USER HOST',
  )
})

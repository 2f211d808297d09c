import { describe, expect, test } from 'vitest'
import { ntfyUrlOf, parseNtfyUrl, withNtfyUrl } from '../../../src/fleet/alert-target.ts'
import { shownRepository } from '../../../src/fleet/repository.ts'

describe('parseNtfyUrl()', () => {
  test.each([
    'https://ntfy.sh/my-fleet_8c1f',
    'http://10.0.0.5:8080/alerts',
    'http://[fe80::1]:80/alerts',
    'https://ntfy.example.org/A',
  ])('takes %s', text => {
    expect(parseNtfyUrl(text, '--ntfy')).toBe(text)
  })

  test.each(['', 'none'])('takes %j for no alerts', text => {
    expect(parseNtfyUrl(text, '--ntfy')).toBeNull()
  })

  test.each([
    'my-topic',
    'ftp://ntfy.sh/topic',
    'https://ntfy.sh',
    'https://ntfy.sh/',
    'https://ntfy.sh/a/b',
    'https://ntfy.sh/a?auth=secret',
    'https://user:secret@ntfy.sh/a',
    `https://ntfy.sh/${'a'.repeat(65)}`,
    'https://ntfy.sh/a\u0000',
    'https://ntfy.sh/$(id)',
    'http://10.0.0.5:99999/alerts',
  ])('refuses %s', text => {
    expect(() => parseNtfyUrl(text, '--ntfy')).toThrow(/--ntfy/)
  })
})

test('an ntfy topic is found among other alerts, and replaced or removed without touching them', () => {
  const hook = { kind: 'webhook', url: 'https://example.org' }
  const alerts = [hook, { kind: 'ntfy', url: 'https://ntfy.sh/a' }]

  expect(ntfyUrlOf(alerts)).toBe('https://ntfy.sh/a')
  expect(withNtfyUrl(alerts, 'https://ntfy.sh/b')).toEqual([hook, { kind: 'ntfy', url: 'https://ntfy.sh/b' }])
  expect(withNtfyUrl(alerts, null)).toEqual([hook])
  expect(ntfyUrlOf([hook])).toBeNull()
})

test.each([
  ['git@host:a/b.git', 'git@host:a/b.git'],
  ['ssh://git@host/a.git', 'ssh://git@host/a.git'],
  ['ssh://git:pw@host/a.git', 'ssh://***@host/a.git'],
  ['https://ghp_token@github.com/a/b', 'https://***@github.com/a/b'],
  ['https://me:ghp_token@github.com/a/b', 'https://***@github.com/a/b'],
  ['https://me:to@ken@github.com/a/b', 'https://***@github.com/a/b'],
  ['https://github.com/a/b@c', 'https://github.com/a/b@c'],
  ['/srv/skills', '/srv/skills'],
])('shownRepository(%s) is %s', (address, shown) => {
  expect(shownRepository(address)).toBe(shown)
})

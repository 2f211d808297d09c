import { describe, expect, test } from 'vitest'
import { type VouchDeps, type VouchRequest, vouchedHostKey } from '../../../src/actions/vouch.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import type { PublicKey } from '../../../src/fleet/public-key.ts'
import { aKey, fingerprintOf } from '../../support/public-keys.ts'

const ours = aKey('right')
const wrong = aKey('wrong')
const rsa = aKey('right', 'ssh-rsa')

const depsOf = (shown: readonly PublicKey[], more: Partial<VouchDeps> = {}): VouchDeps => ({
  offeredHostKey: async (_host, _port, type) => {
    const key = type === undefined ? shown[0] : shown.find(one => one.type === type)
    if (key === undefined) throw new ClawError('ssh-failed', 'no such type')
    return key
  },
  knownHostKeys: async () => [],
  fingerprint: fingerprintOf,
  ...more,
})
const request = (more: Partial<VouchRequest> = {}): VouchRequest => ({
  host: '10.0.0.7',
  port: 22,
  pinned: [],
  ...more,
})

describe('vouchedHostKey() believes', () => {
  test.each([
    ['the pinned key', depsOf([ours]), request({ pinned: [ours] }), 'pinned', ours],
    [
      'the pinned type when another is shown first',
      depsOf([rsa, ours]),
      request({ pinned: [ours] }),
      'pinned',
      ours,
    ],
    [
      'the key --host-key names',
      depsOf([ours]),
      request({ hostKey: fingerprintOf(ours) }),
      '--host-key',
      ours,
    ],
    [
      'the named key of another type',
      depsOf([ours, rsa]),
      request({ hostKey: fingerprintOf(rsa) }),
      '--host-key',
      rsa,
    ],
    [
      'the one in known_hosts',
      depsOf([ours], { knownHostKeys: async () => [ours] }),
      request(),
      'known_hosts',
      ours,
    ],
    [
      'the known type',
      depsOf([ours, rsa], { knownHostKeys: async () => [rsa] }),
      request(),
      'known_hosts',
      rsa,
    ],
    [
      'any with --accept-new-host-key',
      depsOf([ours]),
      request({ acceptNew: true }),
      '--accept-new-host-key',
      ours,
    ],
    [
      'the one a person confirms',
      depsOf([ours], { confirm: async () => true }),
      request(),
      'confirmed',
      ours,
    ],
    [
      'a new one for a reinstalled machine',
      depsOf([ours]),
      request({ pinned: [wrong], mayReplace: true, hostKey: fingerprintOf(ours) }),
      '--host-key',
      ours,
    ],
  ] as const)('%s', async (_what, deps, given, by, key) => {
    expect(await vouchedHostKey(deps, given)).toEqual({ key, by })
  })
})

describe('vouchedHostKey() stops with both fingerprints', () => {
  const known = { knownHostKeys: async () => [ours] }
  test.each([
    ['a pinned machine shows another key', depsOf([wrong]), request({ pinned: [ours] })],
    ['it does so under --accept-new-host-key', depsOf([wrong]), request({ pinned: [ours], acceptNew: true })],
    [
      'it shows only another type',
      depsOf([aKey('wrong', 'ssh-rsa')]),
      request({ pinned: [ours], acceptNew: true }),
    ],
    ['--host-key names another key', depsOf([wrong]), request({ hostKey: fingerprintOf(ours) })],
    ['known_hosts has another key', depsOf([wrong], known), request()],
    ['known_hosts has another, --accept-new or not', depsOf([wrong], known), request({ acceptNew: true })],
    [
      'pinned and --host-key differ',
      depsOf([ours]),
      request({ pinned: [ours], hostKey: fingerprintOf(wrong) }),
    ],
  ])('when %s', async (_what, deps, given) => {
    const failure = vouchedHostKey(deps, given)

    await expect(failure).rejects.toMatchObject({
      code: 'host-key-changed',
      message: expect.stringContaining('SHA256:'),
    })
  })
})

test('a key nobody vouches for is shown, with the two flags that accept it', async () => {
  const failure = vouchedHostKey(depsOf([ours]), request())

  await expect(failure).rejects.toMatchObject({
    code: 'host-key-unknown',
    message: expect.stringContaining(fingerprintOf(ours)),
    hint: expect.stringMatching(/--host-key SHA256:.*--accept-new-host-key/),
  })
})

test('a pinned key is not replaced unseen: --accept-new-host-key is for machines never met before', async () => {
  const given = request({ pinned: [wrong], mayReplace: true, acceptNew: true })

  const failure = await vouchedHostKey(depsOf([ours]), given).catch(error => error)

  expect(failure).toMatchObject({ code: 'host-key-unknown' })
  expect(failure.message).toContain(`instead of the pinned ${fingerprintOf(wrong)}`)
  expect(failure.hint).toMatch(/--host-key SHA256:/)
  expect(failure.hint).not.toContain('--accept-new-host-key')
})

test('a person who does not say yes has said no', async () => {
  const asked: string[] = []
  const confirm = async (question: string) => {
    asked.push(question)
    return false
  }

  await expect(vouchedHostKey(depsOf([ours], { confirm }), request())).rejects.toMatchObject({
    code: 'host-key-unknown',
  })
  expect(asked).toEqual([expect.stringContaining(fingerprintOf(ours))])
})

test.each(['SHA256:short', 'md5:00', '', '$(id)'])(
  '--host-key %j is refused before anything is asked',
  async hostKey => {
    const deps = depsOf([])

    await expect(vouchedHostKey(deps, request({ hostKey }))).rejects.toMatchObject({ code: 'bad-input' })
  },
)

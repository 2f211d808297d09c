import { expect, test } from 'vitest'
import { selfTest } from '../../../src/actions/self-test.ts'
import { ClawError } from '../../../src/fleet/error.ts'

const versions = { program: '2.0.0', node: '24.11.0' }

test('selfTest() makes every check, also after one that failed', async () => {
  const result = await selfTest(versions, [
    { name: 'node', run: async () => 'new enough' },
    { name: 'keys', run: () => Promise.reject(new ClawError('bad-key', 'No keys', { hint: 'Make some' })) },
    { name: 'store', run: () => Promise.reject(new Error('disk is gone')) },
    { name: 'files', run: async () => '9 files' },
  ])

  expect(result).toEqual({
    ...{ ok: false, version: '2.0.0', node: '24.11.0' },
    checks: [
      { name: 'node', ok: true, detail: 'new enough' },
      { name: 'keys', ok: false, detail: 'No keys; Make some' },
      { name: 'store', ok: false, detail: 'disk is gone' },
      { name: 'files', ok: true, detail: '9 files' },
    ],
  })
})

test('selfTest() is passed when every check is', async () => {
  expect(await selfTest(versions, [{ name: 'node', run: async () => '' }])).toMatchObject({ ok: true })
})

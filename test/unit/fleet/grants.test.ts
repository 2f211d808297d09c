import { expect, test } from 'vitest'
import { withGrant } from '../../../src/fleet/authorized-keys.ts'
import { grantsIn } from '../../../src/fleet/grants.ts'
import { id } from '../../support/builders.ts'
import { aKey } from '../../support/public-keys.ts'

const key = aKey('studio')

test.each(['/h/bin/claw-peer', '/it\'s a "home"/bin/claw-peer', '/heim/größe/日/claw-peer'])(
  'what is written is read again: %s',
  gate => {
    const text = withGrant('ssh-rsa AAAA mark@home\n', { gatewayId: id('studio'), gate, key })

    const [grant, ...more] = grantsIn(text)

    expect(more).toEqual([])
    expect(grant).toMatchObject({ gatewayId: 'studio', key })
    expect(grant?.command.replaceAll("'\\''", "'").replaceAll(/^'|'$/g, '')).toBe(gate)
  },
)

test.each([
  '',
  `ssh-ed25519 ${key.base64} claw-clan:studio`,
  `restrict,command="x" ssh-ed25519 AAAA claw-clan:studio`,
  `restrict,command="x" ssh-ed25519 ${key.base64} claw-clan:../evil`,
  `# restrict,command="x" ssh-ed25519 ${key.base64} claw-clan:studio`,
])('a line that is not ours grants nothing: %s', line => {
  expect(grantsIn(`${line}\n`)).toEqual([])
})

import { expect, test } from 'vitest'
import { parseIdentity, parsePublicIdentity, publicPart } from '../../../src/fleet/identity.ts'
import { anIdentity } from '../../support/builders.ts'

const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test.each([true, false])('that a machine may be away (%s) is told to others and read back', mayBeAway => {
  const self = anIdentity({ mayBeAway })

  expect(parseIdentity(written(self), 'state.json')).toEqual(self)
  expect(parsePublicIdentity(written(publicPart(self)), 'the answer')).toMatchObject({ mayBeAway })
})

test.each(['yes', 1, null])('%j says nothing about being away', mayBeAway => {
  const claim = { ...anIdentity(), mayBeAway }

  expect(parseIdentity(claim, 'state.json')).not.toHaveProperty('mayBeAway')
  expect(parsePublicIdentity(claim, 'the answer')).not.toHaveProperty('mayBeAway')
})

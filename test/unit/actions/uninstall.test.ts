import { expect, test } from 'vitest'
import { type OutsideStep, type UninstallDeps, uninstall } from '../../../src/actions/uninstall.ts'
import { ClawError } from '../../../src/fleet/error.ts'

function world(outside: readonly OutsideStep[], left: readonly string[] | undefined = undefined) {
  const removed: string[] = []
  const deps: UninstallDeps = {
    home: '/h',
    gatewayId: 'mini',
    peers: ['studio'],
    outside,
    programs: () => ['/h/versions'],
    data: () => ['/h/keys', '/h/state.json'],
    remove: paths => void removed.push(...paths),
    left: () => left,
    onProgress: () => undefined,
  }
  return { deps, removed }
}

const step = (what: string, ran: string[] = []): OutsideStep => ({
  what,
  run: async dryRun => {
    ran.push(`${what}${dryRun ? ' (dry)' : ''}`)
    return [what]
  },
})
const failing = (what: string): OutsideStep => ({
  what,
  run: async () => {
    throw new ClawError('command-failed', `Cannot read ${what}`)
  },
})
const ALL = { keepData: false, dryRun: false }

test('takes away what lies outside, then programs, then data', async () => {
  const ran: string[] = []
  const { deps, removed } = world([step('crontab', ran), step('links', ran)])

  const done = await uninstall(deps, ALL)

  expect(ran).toEqual(['crontab', 'links'])
  expect(removed).toEqual(['/h/versions', '/h/keys', '/h/state.json'])
  expect(done).toMatchObject({ left: null, enrolledAt: ['studio'], gatewayId: 'mini', keptData: false })
})

test('keeps programs and data where something outside stays, names all of it, and still takes the rest', async () => {
  const ran: string[] = []
  const { deps, removed } = world([failing('crontab'), step('links', ran), failing('keys')])

  await expect(uninstall(deps, ALL)).rejects.toMatchObject({
    code: 'not-removed',
    message: expect.stringMatching(/crontab: Cannot read crontab; keys: Cannot read keys/),
  })
  expect({ ran, removed }).toEqual({ ran: ['links'], removed: [] })
})

test.each([
  [{ keepData: true, dryRun: false }, ['/h/versions']],
  [{ keepData: true, dryRun: true }, []],
  [{ keepData: false, dryRun: true }, []],
])('%j removes %j', async (wishes, expected) => {
  const ran: string[] = []
  const { deps, removed } = world([step('links', ran)])

  const done = await uninstall(deps, wishes)

  expect(removed).toEqual(expected)
  expect(ran).toEqual([wishes.dryRun ? 'links (dry)' : 'links'])
  expect(done.data).toEqual(wishes.keepData ? [] : ['/h/keys', '/h/state.json'])
})

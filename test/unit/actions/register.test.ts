import { describe, expect, test } from 'vitest'
import { type RegisterDeps, registerMachine } from '../../../src/actions/register.ts'
import type { AnnounceOptions } from '../../../src/adapters/mdns-announce.ts'
import type { Identity } from '../../../src/fleet/identity.ts'
import { anIdentity } from '../../support/builders.ts'
import { testClock } from '../../support/test-clock.ts'

/** An announcer that only asks, as often as the test says, and a state file that the test rewrites. */
function worldOf(
  self: Identity | undefined,
  during: (options: AnnounceOptions) => Promise<void> = async () => {},
) {
  const file = { self, stamp: '1', reads: 0 }
  const deps: RegisterDeps = {
    store: {
      self: async () => {
        file.reads += 1
        return file.self
      },
    },
    selfStamp: async () => file.stamp,
    announce: during,
    interfaces: ['lo'],
    clock: testClock(),
    signal: new AbortController().signal,
    onNotice: () => {},
  }
  return { deps, file }
}

describe('registerMachine()', () => {
  test('asks for a setup first', async () => {
    const { deps } = worldOf(undefined)

    await expect(registerMachine(deps)).rejects.toMatchObject({
      code: 'not-set-up',
      hint: 'Run "claw-setup"',
    })
  })

  test('announces this machine and names it when it ends', async () => {
    const said: unknown[] = []
    const { deps } = worldOf(anIdentity(), async ({ current, interfaces }) => {
      said.push(await current(), interfaces)
    })

    const result = await registerMachine(deps)

    expect(said).toMatchObject([{ name: 'Mini', gatewayId: 'mini', port: 22 }, ['lo']])
    expect(result).toEqual({ gatewayId: 'mini', name: 'Mini', durationMs: 0 })
  })

  test('reads a new identity when the file was replaced, and only then', async () => {
    const names: unknown[] = []
    const { deps, file } = worldOf(anIdentity(), async ({ current }) => {
      for (let tick = 0; tick < 10; tick += 1) await current()
      names.push(file.reads, (await current())?.name)
      Object.assign(file, { self: anIdentity({ name: 'Renamed' }), stamp: '2' })
      names.push((await current())?.name, file.reads)
    })

    await registerMachine(deps)

    expect(names).toEqual([1, 'Mini', 'Renamed', 2])
  })

  test('goes on with what it knew while the file is gone or cannot be read', async () => {
    const names: unknown[] = []
    const { deps, file } = worldOf(anIdentity(), async ({ current }) => {
      Object.assign(file, { self: undefined, stamp: 'absent' })
      names.push((await current())?.name)
    })

    await registerMachine(deps)

    expect(names).toEqual(['Mini'])
  })
})

import { describe, expect, test } from 'vitest'
import { type ServeBounds, type ServePeerDeps, servePeer } from '../../../src/actions/serve-peer.ts'
import { ClawError } from '../../../src/fleet/error.ts'
import { MAX_LINE_BYTES } from '../../../src/fleet/peer-protocol.ts'
import { anIdentity } from '../../support/builders.ts'

const now = new Date('2026-11-20T10:00:00Z')
const never = new Promise<never>(() => {})

const deps = (facts: Partial<ServePeerDeps> = {}): ServePeerDeps => ({
  store: {
    self: async () => anIdentity({ githubRepo: 'git@example.net:secret' }),
    lastRun: async () => undefined,
  },
  clock: { now: () => now, sleep: () => never },
  registration: async () => 'running',
  versions: { program: '2.0.0', node: 'v24.11.0' },
  onBug: () => {},
  ...facts,
})

async function* sent(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}

/** What the other machine hears: its hello and then one object per line. */
async function talk(input: AsyncIterable<Uint8Array>, given: ServePeerDeps = deps(), bounds?: ServeBounds) {
  const heard: string[] = []
  const write = async (text: string) => {
    heard.push(text)
  }
  const end = await servePeer(given, { input, write }, bounds)
  const [hello, ...answers] = heard.map(text => JSON.parse(text))
  return { end, hello, answers }
}

describe('servePeer()', () => {
  test('says who it is before anything is asked', async () => {
    const { hello, end } = await talk(sent())

    expect(hello).toEqual({ hello: 'claw-clan', protocol: 1, gatewayId: 'mini', version: '2.0.0' })
    expect(end).toBe('ended')
  })

  test('answers inspect with its public identity only', async () => {
    const run = {
      program: 'claw-ping',
      startedAt: 'then',
      finishedAt: '2026-11-20T09:45:00.000Z',
      result: null,
    }
    const store = { ...deps().store, lastRun: async () => run }

    const { answers } = await talk(sent('{"id":1,"verb":"inspect"}\n'), deps({ store }))

    expect(answers).toEqual([
      {
        id: 1,
        ok: true,
        protocol: 1,
        gatewayId: 'mini',
        version: '2.0.0',
        time: '2026-11-20T10:00:00.000Z',
        identity: {
          gatewayId: 'mini',
          name: 'Mini',
          leadNumber: 1,
          sshUser: 'claw',
          sshPort: 22,
          version: '2.0.0',
          incarnation: 1,
        },
        versions: { program: '2.0.0', node: 'v24.11.0', protocol: 1 },
        lastPing: '2026-11-20T09:45:00.000Z',
        registration: 'running',
      },
    ])
  })

  test('answers in order, however the requests arrive', async () => {
    const { answers } = await talk(
      sent('{"id":1,"ve', 'rb":"inspect"}\n{"id":2,"verb":"inspect"}\n{"id":3', ',"verb":"x"}\n'),
    )

    expect(answers.map(answer => [answer.id, answer.ok])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ])
  })

  test.each([
    { sends: 'not json', id: null, code: 'bad-input' },
    { sends: '{"id":5}', id: 5, code: 'bad-input' },
    { sends: '{"id":5,"verb":"reboot"}', id: 5, code: 'unknown-verb' },
    { sends: '{"id":5,"verb":"constructor"}', id: 5, code: 'unknown-verb' },
    { sends: 'x'.repeat(MAX_LINE_BYTES + 1), id: null, code: 'bad-input' },
  ])('refuses $sends and lives on', async ({ sends, id, code }) => {
    const { answers } = await talk(sent(`${sends}\n`, '{"id":6,"verb":"inspect"}\n'))

    expect(answers).toMatchObject([
      { id, ok: false, error: { code } },
      { id: 6, ok: true },
    ])
  })

  test('hides our own bugs from the other machine and tells ours', async () => {
    const bugs: unknown[] = []
    const bug = new TypeError('secret path')
    const store = { ...deps().store, lastRun: () => Promise.reject(bug) }

    const { answers } = await talk(
      sent('{"id":1,"verb":"inspect"}\n'),
      deps({ store, onBug: error => bugs.push(error) }),
    )

    expect(answers).toMatchObject([{ id: 1, ok: false, error: { code: 'internal' } }])
    expect(JSON.stringify(answers)).not.toContain('secret path')
    expect(bugs).toEqual([bug])
  })

  test('passes on what is wrong with its store', async () => {
    const store = {
      ...deps().store,
      lastRun: () => Promise.reject(new ClawError('store-unavailable', 'Cannot read it')),
    }

    const { answers } = await talk(sent('{"id":1,"verb":"inspect"}\n'), deps({ store }))

    expect(answers).toMatchObject([
      { id: 1, ok: false, error: { code: 'store-unavailable', message: 'Cannot read it' } },
    ])
  })

  test('ends when the other machine falls silent', async () => {
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => never }) }
    const slept: number[] = []
    const sleep = async (ms: number) => {
      slept.push(ms)
    }

    const { end } = await talk(silent, deps({ clock: { now: () => now, sleep } }), {
      idleMs: 1234,
      verbMs: 99,
    })

    expect(end).toBe('idle')
    expect(slept).toContain(1234)
  })

  test('ends when the other machine takes no answers', async () => {
    const clock = { now: () => now, sleep: async () => {} }

    expect(await servePeer(deps({ clock }), { input: sent(), write: () => never })).toBe('idle')
  })

  test('gives up a request that takes too long, and lives on', async () => {
    let asked = 0
    const store = { ...deps().store, lastRun: async () => (asked++ === 0 ? never : undefined) }
    const sleep = (ms: number) => (ms === 99 && asked === 1 ? Promise.resolve() : never)

    const { answers } = await talk(
      sent('{"id":1,"verb":"inspect"}\n{"id":2,"verb":"inspect"}\n'),
      deps({ store, clock: { now: () => now, sleep } }),
      { idleMs: 1000, verbMs: 99 },
    )

    expect(answers).toMatchObject([
      { id: 1, ok: false, error: { code: 'timeout' } },
      { id: 2, ok: true },
    ])
  })

  test('says nothing on a machine that is not set up', async () => {
    const store = { ...deps().store, self: async () => undefined }

    await expect(talk(sent(), deps({ store }))).rejects.toMatchObject({ code: 'not-set-up' })
  })
})

import { expect, test } from 'vitest'
import {
  type BashRemains,
  isBashAtWork,
  replaceBashVersion,
  shownRemains,
} from '../../../src/actions/replace-bash.ts'
import { ClawError } from '../../../src/fleet/error.ts'

const all: BashRemains = {
  cronLines: ['*/15 * * * * claw-ping.sh'],
  agent: '/Users/mark/Library/LaunchAgents/com.openclaw.claw-clan-mdns.plist',
  scripts: ['claw-discover.sh', 'claw-ping.sh'],
}
const nothing: BashRemains = { cronLines: [], agent: null, scripts: [] }

/** Every part works, but the one that is broken; each leaves its name. */
async function replace(remains: BashRemains, broken?: string) {
  const calls: string[] = []
  const call = (name: string) => {
    calls.push(name)
    if (name === broken) throw new ClawError('command-failed', `${name} failed`)
  }
  const note = await replaceBashVersion({
    remains,
    schedule: async () => call('schedule'),
    announce: async () => call('announce'),
    removeCronLines: async () => call('remove cron lines'),
    keepAgent: () => call('keep agent'),
    replaceScripts: () => {
      call('scripts')
      return remains.scripts
    },
  }).catch((error: unknown) => error)
  return { note, calls }
}

test('ours is in place before theirs goes', async () => {
  const { note, calls } = await replace(all)

  expect(calls).toEqual(['schedule', 'remove cron lines', 'keep agent', 'announce', 'scripts'])
  expect(note).toBe('replaced 1 cron line, its LaunchAgent, 2 scripts')
})

test.each([
  { broken: 'schedule', calls: ['schedule'] },
  { broken: 'announce', calls: ['schedule', 'remove cron lines', 'keep agent', 'announce'] },
])('when $broken fails, nothing after it is touched', async ({ broken, calls }) => {
  const result = await replace(all, broken)

  expect(result.calls).toEqual(calls)
  expect(result.note).toMatchObject({ message: `${broken} failed` })
})

test('only what is there is replaced', async () => {
  expect((await replace({ ...nothing, scripts: ['claw-ping.sh'] })).calls).toEqual(['scripts'])
  expect((await replace({ ...nothing, cronLines: ['x', 'y'] })).note).toBe('replaced 2 cron lines')
})

test('all of it is shown, and nothing is no bash version', () => {
  expect(shownRemains(all)).toMatch(/claw-ping\.sh\nLaunchAgent:\n.*plist\nScripts: claw-discover\.sh, /)
  expect(isBashAtWork(nothing)).toBe(false)
  expect(
    [{ cronLines: ['x'] }, { agent: 'x' }, { scripts: ['x'] }].map(one =>
      isBashAtWork({ ...nothing, ...one }),
    ),
  ).toEqual([true, true, true])
})

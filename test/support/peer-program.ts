import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { servePeer } from '../../src/actions/serve-peer.ts'
import { systemClock } from '../../src/adapters/clock.ts'
import { parsePublicIdentity } from '../../src/fleet/identity.ts'
import { anIdentity } from './builders.ts'

// Serves what lies in CLAW_CLAN_HOME as the real program does, without a store.
const file = join(process.env.CLAW_CLAN_HOME ?? '', 'identity.json')
const self = anIdentity({ ...parsePublicIdentity(JSON.parse(readFileSync(file, 'utf8')), file) })
const write = (text: string) =>
  new Promise<void>((resolve, reject) =>
    process.stdout.write(text, error => (error ? reject(error) : resolve())),
  )

await servePeer(
  {
    store: { self: async () => self, lastRun: async () => undefined },
    clock: systemClock,
    registration: async () => 'stopped',
    versions: { program: '2.0.0', node: process.version },
    onBug: error => console.error(error),
  },
  { input: process.stdin, write },
  { idleMs: 2_000, verbMs: 2_000 },
)
process.stdin.destroy()

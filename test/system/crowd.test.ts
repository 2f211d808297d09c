import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { pingFrom } from '../support/clan.ts'
import { writeFullMesh } from '../support/full-mesh.ts'
import { openLab } from '../support/lab/lab.ts'

// Every machine of the lab shares this one's few cores, so a login may take longer than the network would explain.
const PATIENT = { pingTimeoutSeconds: 60 }

const SHORT = [{ count: 16, how: 'all in the same moment', flags: [] }]
const LONG = [{ count: 50, how: 'by schedules that fire together', flags: ['--scheduled'] }]

test.each(process.env.CLAW_TEST_LONG === '1' ? [...SHORT, ...LONG] : SHORT)(
  '$count machines that ping $how miss nobody: a refused login is tried again',
  { timeout: 600_000 },
  async ({ count, flags }) => {
    await using _room = await roomForNeighbours(count * count)
    await using lab = await openLab({ machines: count, knowsHosts: false })
    await writeFullMesh(lab.machines, PATIENT)

    const rounds = await Promise.all(lab.machines.map(machine => pingFrom(machine, ...flags)))

    const logs = await Promise.all(lab.machines.map(machine => machine.sshd.log()))
    process.stdout.write(
      `refused logins tried again: ${logs.join('').split('past MaxStartups').length - 1}\n`,
    )
    expect(rounds.flatMap(round => round.peers.filter(peer => peer.outcome !== 'ack'))).toEqual([])
    expect(rounds.map(round => round.peers.length)).toEqual(Array(count).fill(count - 1))
  },
)

/** One kernel keeps the ARP entries of all its namespaces in one table of 1,024: too few for 50 machines that all talk. */
async function roomForNeighbours(entries: number): Promise<AsyncDisposable> {
  const files = [1, 2, 3].map(n => `/proc/sys/net/ipv4/neigh/default/gc_thresh${n}`)
  const before = await Promise.all(files.map(file => readFile(file, 'utf8')))
  const isTooSmall = entries > Number(before[2])
  if (isTooSmall) await Promise.all(files.map(file => writeFile(file, String(entries * 2))))
  return {
    [Symbol.asyncDispose]: async () => {
      for (const [index, file] of files.entries()) await writeFile(file, before[index] ?? '')
    },
  }
}

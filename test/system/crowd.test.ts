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

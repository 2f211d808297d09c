import { type Call, prepare, show, succeed } from './command.ts'
import { expectFleet, expectFound, expectRound, pingFrom } from './expectations.ts'
import { type Machine, USER } from './machine.ts'
import { demand } from './problem.ts'
import { heading, remark } from './screen.ts'
import { setUpMachines } from './setting-up.ts'
import type { Stage } from './stage.ts'

/**
 * Act it out: three machines meet, watch each other, lose their leader, and get it back. What is shown is seen from
 * one of them; the others are asked at the same time, unseen.
 *
 * @throws {DemoProblem} at the first thing that is not as it should be
 */
export async function tellStory(stage: Stage): Promise<void> {
  await setUpMachines(stage)
  await meet(stage)
  await enrolEachOther(stage)
  await beWell(stage)
  await loseTheLeader(stage)
  await getItBack(stage)
}

async function meet({ laptop, mini, machines }: Stage): Promise<void> {
  await heading('2  They find each other', 'Each announces itself by mDNS. Nobody is trusted yet.')
  await Promise.all(machines.map(({ announcer }) => announcer.start()))
  const heard = { studio: 'candidate', mini: 'self', laptop: 'candidate' }
  await Promise.all([succeed(laptop, ['discover', '2']), expectFound(mini, ['discover', '2'], heard)])
}

async function enrolEachOther({ studio, mini, laptop }: Stage): Promise<void> {
  await heading(
    '3  They are enrolled',
    "One login each with the owner's key; after that, keys that can only answer.",
  )
  await succeed(laptop, enrol(studio))
  const [, showLast] = await Promise.all([succeed(laptop, enrol(mini)), prepare(mini, enrol(studio))])
  await showLast()
}

/** The fingerprint is what an owner reads on the other machine's own screen. */
const enrol = ({ ssh, hostKey }: Machine): Call => [
  ...(['setup-ssh', 'add', USER, '127.0.0.1', '--port', String(ssh.port())] as const),
  ...['--identity', '../owner_key', '--ssh-config', '/dev/null', '--host-key', hostKey],
]

async function beWell(stage: Stage): Promise<void> {
  const { studio, mini, laptop } = stage
  await heading('4  All is well', 'Each asks the others over SSH. The lowest lead number leads.')
  await Promise.all([succeed(laptop, ['ping']), pingFrom(studio), pingFrom(mini)])
  await succeed(laptop, ['status'])
  await expectAllWell(stage)
}

async function loseTheLeader(stage: Stage): Promise<void> {
  const { studio, mini } = stage
  await heading('5  The leader goes down', 'Studio says goodbye, and nothing answers on its port.')
  await Promise.all([studio.ssh.stop(), studio.announcer.stop()])
  const heard = { mini: 'self', laptop: 'enrolled' }
  await Promise.all([missTwice(stage), expectFound(mini, ['discover', '1'], heard)])
  await remark('\nEvery machine works out for itself who leads now, so Mac mini knows:')
  const code = await show(mini, ['status', '--check'])
  await remark(`(exit code ${code}: a script sees that something needs attention)`)
  demand(code === 1, `"claw-status --check" to exit 1 while a machine is offline, not ${code}`)
  await expectFleet(mini, { leader: 'mini', peers: { studio: 'offline', laptop: 'online' } })
}

async function missTwice({ mini, laptop }: Stage): Promise<void> {
  await remark('\nOne missed ping is only a suspicion:')
  await Promise.all([succeed(laptop, ['ping']), expectRound(mini, { studio: 'suspected', laptop: 'none' })])
  await expectFleet(laptop, { peers: { studio: 'unresponsive', mini: 'online' } })
  await remark('\nTwo in a row are a finding:')
  await Promise.all([
    succeed(laptop, ['ping']),
    expectRound(mini, { studio: 'went-offline', laptop: 'none' }),
  ])
  await expectFleet(laptop, { leader: 'mini', peers: { studio: 'offline', mini: 'online' } })
}

async function getItBack(stage: Stage): Promise<void> {
  const { studio, mini, laptop } = stage
  await heading('6  It comes back', 'One right answer clears all suspicion, and Studio leads again.')
  await studio.ssh.start()
  const recovered = expectRound(mini, { studio: 'recovered', laptop: 'none' })
  await Promise.all([studio.announcer.start(), succeed(laptop, ['ping']), recovered])
  await Promise.all([succeed(laptop, ['discover']), pingFrom(studio)])
  await succeed(laptop, ['status', '--check'])
  await expectAllWell(stage)
}

async function expectAllWell({ studio, mini, laptop }: Stage): Promise<void> {
  const leader = 'studio'
  await Promise.all([
    expectFleet(laptop, { leader, peers: { studio: 'online', mini: 'online' } }),
    expectFleet(mini, { leader, peers: { studio: 'online', laptop: 'online' } }),
    expectFleet(studio, { leader, peers: { mini: 'online', laptop: 'online' } }),
  ])
}
